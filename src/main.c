/*
 * nbfork: options, then check or run, and the exit status.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "validate.h"
#include "conduct.h"
#include "databricks/deploy.h"
#include "databricks/job.h"
#include "workflow/load.h"
#include "workflow/name.h"

struct options {
	struct overrides overrides;
	struct conduct_options conduct;
	char **parameters;	/* of the overrides; owned */
	char **selected;	/* likewise */
	bool check;
	bool deploy, run_now;
	enum log_level level;
};

enum {
	OPT_JSON = CHAR_MAX + 1,
	OPT_JOB,
	OPT_EVENTS,
	OPT_PROGRESS,
	OPT_GRAPH,
	OPT_FAILED_FIRST,
	OPT_DEPLOY,
	OPT_RUN_NOW,
};

static const struct option long_options[] = {
	{"processes", required_argument, NULL, 'j'},
	{"on-error", required_argument, NULL, 'e'},
	{"target", required_argument, NULL, 't'},
	{"job", required_argument, NULL, OPT_JOB},
	{"parameter", required_argument, NULL, 'p'},
	{"select", required_argument, NULL, 's'},
	{"run-dir", required_argument, NULL, 'o'},
	{"resume", optional_argument, NULL, 'r'},
	{"failed-first", no_argument, NULL, OPT_FAILED_FIRST},
	{"check", no_argument, NULL, 'c'},
	{"dry-run", no_argument, NULL, 'n'},
	{"graph", no_argument, NULL, OPT_GRAPH},
	{"deploy", no_argument, NULL, OPT_DEPLOY},
	{"run-now", no_argument, NULL, OPT_RUN_NOW},
	{"json", no_argument, NULL, OPT_JSON},
	{"events", required_argument, NULL, OPT_EVENTS},
	{"progress", required_argument, NULL, OPT_PROGRESS},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static const char help[] =
"Usage: nbfork [OPTION]... WORKFLOW\n"
"  or:  nbfork [OPTION]... NOTEBOOK...\n"
"Run the notebooks of a workflow in parallel, one supervised process each.\n"
"\n"
"WORKFLOW is a YAML file, or - for standard input. Named notebooks (.ipynb, or\n"
"Databricks source: .py, .sql, .r, .scala) are a workflow of just those.\n"
"\n"
"  -j, --processes=N           run at most N notebooks at a time\n"
"  -e, --on-error=POLICY       fail-fast, let-finish or drain\n"
"  -t, --target=NAME           where notebooks run\n"
"      --job=NAME              which job of a bundle\n"
"  -p, --parameter=NAME=VALUE  a parameter for every notebook; repeatable\n"
"  -s, --select=GLOB           run only the notebooks whose name matches, and\n"
"                                what they depend on; repeatable\n"
"  -o, --run-dir=DIR           where this run's files go\n"
"                                (default: nbfork-runs/NAME-UTCSTAMP)\n"
"  -r, --resume[=DIR]          continue an earlier run (default: the latest):\n"
"                                what succeeded is kept, all else runs again\n"
"      --failed-first          with --resume: what failed before starts first\n"
"  -c, --check                 check everything, start nothing\n"
"  -n, --dry-run               as --check, then print the plan\n"
"      --graph                 with --dry-run: as a graph in Graphviz's language\n"
"      --deploy                save the workflow as a job of its Databricks\n"
"                                target; with --dry-run: show what would change\n"
"      --run-now               with --deploy: start the job then\n"
"      --json                  print the results document instead of the summary;\n"
"                                with --dry-run or --deploy: theirs\n"
"      --events=FILE           write events to FILE as they happen; - is\n"
"                                standard output\n"
"      --progress=WHEN         auto, tty, plain or none\n"
"  -q, --quiet                 print neither progress nor summary\n"
"  -v, --verbose               say more; twice for still more\n"
"  -h, --help                  print this help and exit\n"
"  -V, --version               print the version and exit\n"
"\n"
"Exit status: 0 all succeeded, 1 at least one did not, 2 nothing was started\n"
"(bad usage or workflow), 3 nbfork itself could not go on, 128+N stopped by\n"
"signal N. See nbfork(1) and nbfork-workflow(5).\n";

static void __attribute__((noreturn))
usage(void)
{
	fputs("Try 'nbfork --help' for more information.\n", stderr);
	exit(EXIT_USAGE);
}

/* Prints what was asked for; a full disk must not pass for success. */
static void __attribute__((noreturn))
print_and_exit(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) == EOF) {
		log_error("cannot write to standard output: %s", strerror(errno));
		exit(EXIT_BROKEN);
	}
	exit(EXIT_SUCCESS);
}

static unsigned
parse_processes(const char *s)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	if (end == s || *end != '\0' || errno != 0 || n < 1 || n > PROCESSES_MAX) {
		log_error("number of processes is '%s', which is no whole number from 1 to %d", s, PROCESSES_MAX);
		usage();
	}
	return (unsigned)n;
}

/* What is wrong with options beside --deploy, NULL when nothing is. */
static const char *
not_with_deploy(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;

	if (c->resume)
		return "--resume continues a run, and --deploy runs nothing";
	if (c->run_dir != NULL)
		return "--run-dir is for a run, and --deploy runs nothing";
	if (c->events != NULL)
		return "--events is for a run, and --deploy runs nothing";
	if (c->graph)
		return "--graph is a form of a run's plan, and --deploy runs nothing";
	if (o->overrides.nselected > 0)
		return "--select is for a run: a workflow is deployed as a whole";
	return NULL;
}

/* Options that contradict each other, or mean nothing alone. */
static void
check_options(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;
	const char *fault = NULL;

	if (c->json && c->events != NULL && strcmp(c->events, "-") == 0)
		fault = "--json and --events=- both want standard output; give --events a file";
	else if (c->run_dir != NULL && *c->run_dir == '\0')
		fault = "the run folder's name is empty";
	else if (c->resume_dir != NULL && *c->resume_dir == '\0')
		fault = "the name of the run folder to resume is empty";
	else if (c->resume && c->run_dir != NULL)
		fault = "--run-dir is for a new run; name the folder of the run to resume by --resume=DIR";
	else if (c->failed_first && !c->resume)
		fault = "--failed-first goes with --resume: what failed is known of an earlier run";
	else if (c->graph && !c->dry_run)
		fault = "--graph goes with --dry-run";
	else if (c->graph && c->json)
		fault = "--graph and --json are two forms of the plan; choose one";
	else if (o->run_now && !o->deploy)
		fault = "--run-now goes with --deploy: it starts the job that was deployed";
	else if (o->deploy)
		fault = not_with_deploy(o);
	if (fault != NULL) {
		log_error("%s", fault);
		usage();
	}
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt_long(argc, argv, "j:e:t:p:s:o:r::cnqvhV", long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			o->overrides.processes = parse_processes(optarg);
			break;
		case 'e':
			o->overrides.on_error = optarg;
			break;
		case 't':
			o->overrides.target = optarg;
			break;
		case OPT_JOB:
			o->overrides.job = optarg;
			break;
		case 'p':
			o->parameters = xreallocarray(o->parameters, o->overrides.nparameters + 1,
			    sizeof(*o->parameters));
			o->parameters[o->overrides.nparameters++] = optarg;
			o->overrides.parameters = o->parameters;
			break;
		case 's':
			o->selected = xreallocarray(o->selected, o->overrides.nselected + 1, sizeof(*o->selected));
			o->selected[o->overrides.nselected++] = optarg;
			o->overrides.selected = o->selected;
			break;
		case 'o':
			o->conduct.run_dir = optarg;
			break;
		case 'r':
			o->conduct.resume = true;
			o->conduct.resume_dir = optarg != NULL && *optarg == '=' ? optarg + 1 : optarg;	/* -r=DIR */
			break;
		case OPT_FAILED_FIRST:
			o->conduct.failed_first = true;
			break;
		case 'n':
			o->conduct.dry_run = true;
			break;
		case OPT_GRAPH:
			o->conduct.graph = true;
			break;
		case OPT_DEPLOY:
			o->deploy = true;
			break;
		case OPT_RUN_NOW:
			o->run_now = true;
			break;
		case 'c':
			o->check = true;
			break;
		case OPT_JSON:
			o->conduct.json = true;
			break;
		case OPT_EVENTS:
			o->conduct.events = optarg;
			break;
		case OPT_PROGRESS:
			if (!progress_parse(optarg, &o->conduct.progress)) {
				log_error("progress is '%s', which is none of auto, tty, plain, none", optarg);
				usage();
			}
			break;
		case 'q':
			o->conduct.quiet = true;
			o->level = LOG_ERROR;
			break;
		case 'v':
			if (o->level < LOG_DEBUG)
				o->level++;
			break;
		case 'h':
			print_and_exit(help);
		case 'V':
			print_and_exit(PACKAGE_STRING "\n");
		default:
			usage();
		}
	}
	check_options(o);
}

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

int
main(int argc, char **argv)
{
	struct options o = {.level = LOG_WARN, .conduct = {.progress = PROGRESS_AUTO}};
	int status, sig = 0;

	open_standard_fds();
	signal(SIGPIPE, SIG_IGN);	/* a reader that goes away shows as EPIPE, */
	signal(SIGXFSZ, SIG_IGN);	/* and a limit on the size of files as EFBIG */
	signal(SIGUSR1, SIG_IGN);	/* orders to the pool, which come too early or too late: no reason to die */
	signal(SIGUSR2, SIG_IGN);
	argv[0] = (char[]){"nbfork"};	/* what getopt_long puts before its messages */
	parse_options(argc, argv, &o);
	log_level = o.level;
	if (optind == argc) {
		log_error("no workflow and no notebook is named");
		usage();
	}
	status = run(argv + optind, argc - optind, &o, &sig);
	free(o.parameters);
	free(o.selected);
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
