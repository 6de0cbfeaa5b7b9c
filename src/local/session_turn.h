/*
 * The inside of a session, shared by session.c (its loop and its end), session_start.c and session_cell.c (cells).
 */
#ifndef NBFORK_LOCAL_SESSION_TURN_H
#define NBFORK_LOCAL_SESSION_TURN_H

#include "local/session.h"

/*
 * One turn of the loop: takes what the kernel has sent and printed, reaps, tells the worker, and if there was nothing to
 * do sleeps until something happens or the deadline (run clock) is there.
 */
void session_turn(struct session *s, int64_t deadline);

/* Whether the attempt has been told to stop. */
bool session_stopping(const struct session *s);

/* The kernel has ended: takes what it sent before that. */
void session_drain(struct session *s);

/* The same, and says how it ended in session->failure. Returns VERDICT_KERNEL. */
enum verdict session_dead(struct session *s, const char *when);

/* Asks the kernel to stop what it does, as its kernelspec wants to be asked. */
void session_interrupt(struct session *s);

/* In session_cell.c: one message of the kernel. */
void session_message(struct session *s, const struct message *m);

#endif
