#include "pool/signals.h"

#include <stdint.h>
#include <unistd.h>

#define N (sizeof(handled) / sizeof(handled[0]))

static const struct {
	int sig;
	bool unless_ignored;
	bool open;	/* also outside of the wait */
} handled[] = {
	{SIGINT, true, false}, {SIGTERM, true, false}, {SIGHUP, true, false}, {SIGTSTP, true, false},
	{SIGCONT, false, false}, {SIGCHLD, false, false}, {SIGUSR1, false, true}, {SIGUSR2, false, true},
	{SIGWINCH, false, false},
};

static struct sigaction old_actions[N];
static sigset_t old_mask, wait_mask, work_mask, shut_mask;

static volatile sig_atomic_t child_changed, suspend, stops, first_stop, more, fewer;
static int told_more, told_fewer;	/* what signals_resize has told of these two, which may change at any time */

/* Runs with all of the handled signals blocked. */
static void
note(int sig)
{
	switch (sig) {
	case SIGCHLD:
		child_changed = 1;
		break;
	case SIGTSTP:
		suspend = 1;
		break;
	case SIGCONT:
		suspend = 0;	/* the later order counts */
		break;
	case SIGWINCH:
		break;	/* it ends the wait, and in the next turn the display looks at its terminal */
	case SIGUSR1:
		if (more < SIG_ATOMIC_MAX)
			more++;
		break;
	case SIGUSR2:
		if (fewer < SIG_ATOMIC_MAX)
			fewer++;
		break;
	default:
		if (stops == 0)
			first_stop = sig;
		if (stops == 0 || (sig != SIGHUP && stops < SIG_ATOMIC_MAX))
			stops++;
	}
}

void
signals_take(void)
{
	struct sigaction sa = {.sa_handler = note, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	sigset_t set;

	child_changed = suspend = stops = first_stop = more = fewer = 0;
	told_more = told_fewer = 0;
	sigemptyset(&set);
	for (size_t i = 0; i < N; i++)
		sigaddset(&set, handled[i].sig);
	sigprocmask(SIG_BLOCK, &set, &old_mask);
	sigprocmask(SIG_BLOCK, NULL, &shut_mask);
	work_mask = shut_mask;
	wait_mask = old_mask;
	sa.sa_mask = set;
	for (size_t i = 0; i < N; i++) {
		/* Blocked by whoever started this program, it would be an order that is never heard. */
		sigdelset(&wait_mask, handled[i].sig);
		if (handled[i].open)
			sigdelset(&work_mask, handled[i].sig);
		sigaction(handled[i].sig, NULL, &old_actions[i]);
		if (handled[i].unless_ignored && old_actions[i].sa_handler == SIG_IGN)
			continue;
		sigaction(handled[i].sig, &sa, NULL);
	}
	sigprocmask(SIG_SETMASK, &work_mask, NULL);
}

void
signals_give_back(void)
{
	for (size_t i = 0; i < N; i++)
		sigaction(handled[i].sig, &old_actions[i], NULL);
	sigprocmask(SIG_SETMASK, &old_mask, NULL);
}

const sigset_t *
signals_mask(void)
{
	return &wait_mask;
}

bool
signals_shut(void)
{
	sigprocmask(SIG_SETMASK, &shut_mask, NULL);
	return more != told_more || fewer != told_fewer;
}

void
signals_let_in(void)
{
	sigprocmask(SIG_SETMASK, &wait_mask, NULL);
	sigprocmask(SIG_SETMASK, &work_mask, NULL);
}

bool
signals_child(void)
{
	bool yes = child_changed;

	child_changed = 0;
	return yes;
}

bool
signals_suspend(void)
{
	bool yes = suspend;

	suspend = 0;
	return yes;
}

int
signals_stops(int *first)
{
	*first = first_stop;
	return stops;
}

int
signals_resize(void)
{
	const int now_more = more, now_fewer = fewer;
	const int by = (now_more - told_more) - (now_fewer - told_fewer);

	told_more = now_more;
	told_fewer = now_fewer;
	return by;
}

void
signals_stop_self(void)
{
	sigset_t pending;

	/*
	 * To be stopped after the order to continue would be for ever. Between the look and the stop there
	 * is a gap of a microsecond that cannot be closed: SIGSTOP must do it, because SIGTSTP has no effect
	 * on a group without a shell to continue it.
	 */
	if (sigpending(&pending) == 0 && sigismember(&pending, SIGCONT) == 1)
		return;
	kill(getpid(), SIGSTOP);
}
