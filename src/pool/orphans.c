#include "pool/orphans.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/log.h"

void
orphans_init(struct orphans *o)
{
	*o = (struct orphans){PIDS_INIT, PIDS_INIT, PIDS_INIT};
	if (proc_adopt_orphans() == -1)
		log_warn("cannot adopt orphaned processes: %s", strerror(errno));
	if (proc_children(0, &o->strangers) == -1)
		log_warn("cannot see processes in '/proc', what jobs leave behind will not be found: %s", strerror(errno));
}

void
orphans_release(struct orphans *o)
{
	pids_release(&o->strangers);
	pids_release(&o->survivors);
	pids_release(&o->spare);
}

void
orphans_disown(struct orphans *o, pid_t pid)
{
	pids_add(&o->strangers, pid);
}

pid_t
orphans_reap(struct orphans *o, int *status, struct rusage *usage)
{
	siginfo_t info;

	for (;;) {
		bool stranger;

		/*
		 * Looked at first and reaped later: as long as it is a zombie its id cannot become that of
		 * another process or group, and what is left of its group is ours to kill.
		 */
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 || info.si_pid == 0)
			return 0;
		stranger = pids_has(&o->strangers, info.si_pid);
		if (!stranger)
			kill(-info.si_pid, SIGKILL);
		if (wait4(info.si_pid, status, WNOHANG, usage) != info.si_pid)
			return 0;
		if (!stranger && !pids_has(&o->survivors, info.si_pid))
			return info.si_pid;
		pids_remove(&o->strangers, info.si_pid);
		pids_remove(&o->survivors, info.si_pid);
	}
}

size_t
orphans_kill(struct orphans *o, struct job *const *jobs, size_t n)
{
	o->spare.n = 0;
	for (size_t i = 0; i < n; i++)
		if (jobs[i]->pid != 0)
			pids_add(&o->spare, jobs[i]->pid);
	for (size_t i = 0; i < o->strangers.n; i++)
		pids_add(&o->spare, o->strangers.list[i]);
	for (size_t i = 0; i < o->survivors.n; i++)
		pids_add(&o->spare, o->survivors.list[i]);
	return proc_kill_children(&o->spare);
}

size_t
orphans_give_up(struct orphans *o)
{
	struct pids children = PIDS_INIT;
	size_t n = 0;

	proc_children(0, &children);
	for (size_t i = 0; i < children.n; i++)
		if (!pids_has(&o->spare, children.list[i])) {
			pids_add(&o->spare, children.list[i]);
			pids_add(&o->survivors, children.list[i]);
			n++;
		}
	pids_release(&children);
	return n;
}
