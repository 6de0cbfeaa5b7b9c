/*
 * How a kernel is reached: the connection file, and the sockets or ports that it names (jupyter_client's
 * connect.py). The questions a client asks are in local/kernel.h.
 */
#ifndef NBFORK_LOCAL_CONNECTION_H
#define NBFORK_LOCAL_CONNECTION_H

#include "local/kernel.h"

/* Fills text with n - 1 random hex digits (n is odd) and a NUL byte. */
void connection_random(char *text, size_t n);

/*
 * Chooses the way for k->by_ipc and k->folder, writes the connection file and begins to watch the folder.
 * Returns 0, or -1 with *why. What it opens is in k.
 */
int connection_prepare(struct kernel *k, const struct kernelspec *spec, char **why);

/* Closes this process's hold on the ports that were chosen. A child's own copies keep them until its exec. */
void connection_let_go(struct kernel *k);

/* Closes what connection_prepare() opened. */
void connection_release(struct kernel *k);

/* Whether the sockets of ipc can have their files in the folder: their addresses are limited to 107 bytes. */
bool connection_fits(const char *folder);

#endif
