/*
 * nbfork: options, then check or run, and the exit status.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/proc.h"
#include "complete.h"
#include "conduct.h"
#include "hooks.h"
#include "init.h"
#include "options.h"
#include "validate.h"
#include "databricks/deploy.h"
#include "databricks/job.h"
#include "workflow/load.h"
#include "workflow/name.h"

/* Reads what the arguments name; what is wrong with it is added to the problems. */
static void
load(struct workflow *w, char **args, int n, const struct options *o, struct problems *p)
{
	if (n == 1 && name_notebook_ending(args[0]) == NULL) {
		workflow_load(w, args[0], &o->overrides, p);
		return;
	}
	if (o->overrides.job != NULL) {
		log_error("--job chooses one of the jobs of a bundle, and '%s' is a notebook", args[0]);
		usage();
	}
	for (int i = 0; i < n; i++) {
		if (name_notebook_ending(args[i]) == NULL) {
			if (o->conduct.resume && o->conduct.resume_dir == NULL && i == 0)
				log_error("'%s' is no notebook (.ipynb, .py, .sql, .r, .scala); the folder of a run to resume is named "
				    "--resume=%s", args[i], args[i]);
			else
				log_error("'%s' is no notebook (.ipynb, .py, .sql, .r, .scala); a workflow is named alone", args[i]);
			usage();
		}
	}
	workflow_of_notebooks(w, args, (size_t)n, &o->overrides, p);
}

/*
 * A descriptor 0, 1 or 2 that is closed would be given to the first file that is opened. What takes its place is opened
 * the wrong way round, so that using it is an error as it would have been.
 */
static void
open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			_exit(EXIT_BROKEN);	/* there is nowhere to say why */
	}
}

static bool
has_secrets(const struct workflow *w)
{
	for (size_t i = 0; i < w->ntasks; i++) {
		const struct params *const lists[] = {&w->tasks[i].parameters, &w->tasks[i].env};

		for (int k = 0; k < 2; k++) {
			for (size_t m = 0; m < lists[k]->n; m++) {
				if (lists[k]->list[m].secret != NULL)
					return true;
			}
		}
	}
	return false;
}

static int
run(char **args, int n, const struct options *o, int *sig)
{
	struct workflow w;
	struct problems problems = PROBLEMS_INIT;
	int status = EXIT_USAGE;

	workflow_init(&w);
	load(&w, args, n, o, &problems);
	if (has_secrets(&w))
		proc_hide_memory();
	if (o->deploy && problems.n == 0)
		job_check(&w, &problems);
	else if (!o->deploy && w.schedule != NULL)
		log_info("'schedule' is passed over: it counts for --deploy");
	if (!o->deploy)
		hooks_check(&w, &problems);
	/* Also when there are problems already, so that all are shown in one go. */
	validate_workflow(&w, !o->check && !o->conduct.dry_run && !o->deploy, &problems);
	if (problems.n != 0) {
		problems_print(&problems, stderr);
	} else if (o->check && !o->conduct.dry_run) {
		for (int i = 0; i < n; i++)
			printf("%s: ok\n", w.file != NULL ? workflow_label(&w) : args[i]);
		status = EXIT_ALL_SUCCEEDED;
		if (fflush(stdout) == EOF) {
			log_error("cannot write to standard output: %s", strerror(errno));
			status = EXIT_BROKEN;
		}
	} else if (o->deploy) {
		const struct deploy_options options = {
			.dry_run = o->conduct.dry_run, .run_now = o->run_now, .json = o->conduct.json,
			    .quiet = o->conduct.quiet,
		};

		job_notices(&w);
		status = deploy(&w, &options);
	} else if (o->conduct.dry_run) {
		status = conduct_plan(&w, &o->conduct);
	} else if (clock_share() == -1) {
		log_error("cannot share memory: %s", strerror(errno));
		status = EXIT_BROKEN;
	} else {
		status = conduct(&w, &o->conduct, sig);
	}
	problems_release(&problems);
	validate_release(&w);
	workflow_release(&w);
	return status;
}

/* Prints names for a shell; what is wrong with the workflow is not its business. */
static int
complete(const char *file, const struct options *o)
{
	struct buf names = BUF_INIT;
	int status = EXIT_SUCCESS;

	log_level = LOG_ERROR;
	if (!complete_names(o->complete, file, &o->overrides, &names)) {
		log_error("what to complete is '%s', which is none of notebooks, targets, jobs", o->complete);
		usage();
	}
	if (fputs(buf_str(&names), stdout) == EOF || fflush(stdout) == EOF) {
		log_error("cannot write to standard output: %s", strerror(errno));
		status = EXIT_BROKEN;
	}
	buf_release(&names);
	return status;
}

/* An earlier run may also be named behind the option, as users of other programs would. */
static int
tell(char **args, int n, struct options *o)
{
	const char **named = o->show.list ? &o->show.folder : &o->show.run;

	if (n > 1 || (n == 1 && *named != NULL)) {
		log_error("%s takes one %s, and '%s' is another", o->show.list ? "--list-runs" : "--show",
		    o->show.list ? "folder" : "run", args[n - 1]);
		usage();
	}
	if (n == 1)
		*named = args[0];
	return show(&o->show, &o->conduct.reports, o->conduct.html, o->conduct.json, o->conduct.quiet);
}

int
main(int argc, char **argv)
{
	struct options o;
	int first, status, sig = 0;

	open_standard_fds();
	signal(SIGPIPE, SIG_IGN);	/* a reader that goes away shows as EPIPE, */
	signal(SIGXFSZ, SIG_IGN);	/* and a limit on the size of files as EFBIG */
	signal(SIGUSR1, SIG_IGN);	/* orders to the pool, which come too early or too late: no reason to die */
	signal(SIGUSR2, SIG_IGN);
	argv[0] = (char[]){"nbfork"};	/* what getopt_long puts before its messages */
	first = options_parse(&o, argc, argv);
	log_level = o.level;
	if (o.show.list || o.show.show) {
		status = tell(argv + first, argc - first, &o);
		options_release(&o);
		return status;
	}
	if (o.complete != NULL && argc - first > 1) {
		log_error("--complete takes one workflow, and '%s' is another", argv[first + 1]);
		usage();
	}
	if (first == argc && !o.init) {
		log_error("no workflow and no notebook is named");
		usage();
	}
	if (o.init)
		status = init(argv + first, (size_t)(argc - first), &(struct init_options){o.conduct.run_dir, o.conduct.quiet});
	else if (o.complete != NULL)
		status = complete(argv[first], &o);
	else
		status = run(argv + first, argc - first, &o, &sig);
	options_release(&o);
	log_cost("parent");
	if (sig != 0) {
		sigset_t set;

		/*
		 * All is written; now end as the signal would have it, for the shell or make above us, even where
		 * it was blocked when this program was started. The first process of a container does not die of it.
		 */
		signal(sig, SIG_DFL);
		raise(sig);
		sigemptyset(&set);
		sigaddset(&set, sig);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		status = 128 + sig;
	}
	return status;
}
