/*
 * The signals of the pool's process while the pool runs: blocked but in its wait, and turned into flags and
 * counts.
 *
 * Every process has one set of dispositions, so there is one of this.
 */
#ifndef NBFORK_POOL_SIGNALS_H
#define NBFORK_POOL_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Blocks SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGCHLD and SIGWINCH and takes them over. Of the first four those
 * that are ignored stay ignored; the last one only ends the wait. SIGUSR1 and SIGUSR2 are taken over too, ignored or not, but stay open, because
 * they are counted: a blocked signal that comes twice has come once. So they may interrupt system calls, which
 * are restarted where that can be (signal(7)).
 */
void signals_take(void);

/* Dispositions and mask as they were. What came before has been seen: the flags below stay as they are. */
void signals_give_back(void);

/* The mask to wait with, and the one for children: as it was found, but without the signals above. */
const sigset_t *signals_mask(void);

/*
 * Before the wait: blocks SIGUSR1 and SIGUSR2 too. Returns whether there is something that signals_resize() has not
 * told of, so that there must be no wait. signals_let_in() ends it.
 */
bool signals_shut(void);

/*
 * Lets those in that are pending. ppoll does not do it when a descriptor is ready, so a talkative child would keep
 * them out.
 */
void signals_let_in(void);

/* Whether a child has changed state, or the program was told to suspend itself, since the last call. */
bool signals_child(void);
bool signals_suspend(void);

/*
 * How many orders to stop have come, and the first one's signal. A SIGHUP counts only when it is the first:
 * the end of a terminal or of a service sends several.
 */
int signals_stops(int *first);

/*
 * How many more processes have been asked for since the last call: each SIGUSR1 counts 1, each SIGUSR2 -1. Those that
 * come faster than this process is given a CPU to count them are one to the kernel.
 */
int signals_resize(void);

/* Stops this process (SIGSTOP) until it is continued; not at all when the order to continue is there already. */
void signals_stop_self(void);

#endif
