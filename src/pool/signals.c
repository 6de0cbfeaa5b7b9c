#include "pool/signals.h"

#include <stdint.h>
#include <unistd.h>

#define N (sizeof(handled) / sizeof(handled[0]))

static const struct {
	int sig;
	bool unless_ignored;
} handled[] = {
	{SIGINT, true}, {SIGTERM, true}, {SIGHUP, true}, {SIGTSTP, true}, {SIGCONT, false}, {SIGCHLD, false},
};

static struct sigaction old_actions[N];
static sigset_t old_mask, wait_mask, blocked_mask;

static volatile sig_atomic_t child_changed, suspend, stops, first_stop;

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

	child_changed = suspend = stops = first_stop = 0;
	sigemptyset(&set);
	for (size_t i = 0; i < N; i++)
		sigaddset(&set, handled[i].sig);
	sigprocmask(SIG_BLOCK, &set, &old_mask);
	sigprocmask(SIG_BLOCK, NULL, &blocked_mask);
	wait_mask = old_mask;
	sa.sa_mask = set;
	for (size_t i = 0; i < N; i++) {
		/* Blocked by whoever started this program, it would be an order that is never heard. */
		sigdelset(&wait_mask, handled[i].sig);
		sigaction(handled[i].sig, NULL, &old_actions[i]);
		if (handled[i].unless_ignored && old_actions[i].sa_handler == SIG_IGN)
			continue;
		sigaction(handled[i].sig, &sa, NULL);
	}
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

void
signals_let_in(void)
{
	sigprocmask(SIG_SETMASK, &wait_mask, NULL);
	sigprocmask(SIG_SETMASK, &blocked_mask, NULL);
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
