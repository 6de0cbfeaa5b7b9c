/*
 * What the files kernel*.c share; for them alone.
 */
#ifndef NBFORK_LOCAL_KERNEL_PARTS_H
#define NBFORK_LOCAL_KERNEL_PARTS_H

#include "local/kernel.h"

/* Sets a kernel up, before its connection file is made. */
void kernel_begin(struct kernel *k, const struct kernelspec *spec, enum transport transport, const char *folder);

/* Says something on the leash, if there is somebody to hear it. */
void kernel_tell(const struct kernel *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
