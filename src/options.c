/*
 * The command line: what it may say, what goes together, and --help.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "workflow/schema.h"

enum {
	OPT_JSON = CHAR_MAX + 1,
	OPT_JOB,
	OPT_EVENTS,
	OPT_JUNIT,
	OPT_TRACE,
	OPT_HTML,
	OPT_PROGRESS,
	OPT_GRAPH,
	OPT_FAILED_FIRST,
	OPT_DEPLOY,
	OPT_RUN_NOW,
	OPT_LIST_RUNS,
	OPT_SHOW,
	OPT_DIFF,
	OPT_SCHEMA,
	OPT_COMPLETE,
	OPT_INIT,
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
	{"list-runs", optional_argument, NULL, OPT_LIST_RUNS},
	{"show", optional_argument, NULL, OPT_SHOW},
	{"diff", required_argument, NULL, OPT_DIFF},
	{"json", no_argument, NULL, OPT_JSON},
	{"events", required_argument, NULL, OPT_EVENTS},
	{"junit", required_argument, NULL, OPT_JUNIT},
	{"trace", required_argument, NULL, OPT_TRACE},
	{"html", required_argument, NULL, OPT_HTML},
	{"progress", required_argument, NULL, OPT_PROGRESS},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"init", no_argument, NULL, OPT_INIT},
	{"complete", required_argument, NULL, OPT_COMPLETE},
	{"schema", no_argument, NULL, OPT_SCHEMA},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

static const char help[] =
"Usage: nbfork [OPTION]... WORKFLOW\n"
"  or:  nbfork [OPTION]... NOTEBOOK...\n"
"  or:  nbfork --init [-o FILE] [FOLDER | NOTEBOOK]...\n"
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
"      --list-runs[=DIR]       list earlier runs (default: those in nbfork-runs)\n"
"      --show[=RUN]            tell of an earlier run, or one that goes on: a\n"
"                                folder, workflow or id (default: the latest)\n"
"      --diff=RUN              with --show: what has changed since that one\n"
"      --json                  print the results document instead of the summary;\n"
"                                with --dry-run, --deploy, --list-runs or --diff:\n"
"                                theirs\n"
"      --events=FILE           write events to FILE as they happen; - is\n"
"                                standard output\n"
"      --junit=FILE            write a report for CI servers to FILE; likewise;\n"
"                                with --show: of that run\n"
"      --trace=FILE            write a time line for Perfetto to FILE; likewise\n"
"      --html=FILE             write the report, a page that grows with the run,\n"
"                                to FILE too; with --show: of that run\n"
"      --progress=WHEN         auto, tty, plain or none\n"
"  -q, --quiet                 print neither progress nor summary\n"
"  -v, --verbose               say more; twice for still more\n"
"      --init                  make a first workflow.yaml (or -o FILE) of the\n"
"                                notebooks in folders\n"
"      --complete=WHAT         print names that the workflow has: notebooks,\n"
"                                targets or jobs; for shells\n"
"      --schema                print the JSON Schema of workflow files\n"
"  -h, --help                  print this help and exit\n"
"  -V, --version               print the version and exit\n"
"\n"
"Exit status: 0 all succeeded, 1 at least one did not, 2 nothing was started\n"
"(bad usage or workflow), 3 nbfork itself could not go on, 128+N stopped by\n"
"signal N. See nbfork(1) and nbfork-workflow(5).\n";

void
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

static void __attribute__((noreturn))
print_schema(void)
{
	struct buf schema = BUF_INIT;

	schema_put(&schema);
	print_and_exit(buf_str(&schema));
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
	if (reports_wanted(&c->reports))
		return "--junit and --trace report on a run, and --deploy runs nothing";
	if (c->html != NULL)
		return "--html is for a run, and --deploy runs nothing";
	if (c->graph)
		return "--graph is a form of a run's plan, and --deploy runs nothing";
	if (o->overrides.nselected > 0)
		return "--select is for a run: a workflow is deployed as a whole";
	return NULL;
}

/* What is wrong with options beside --list-runs or --show; NULL when nothing is. */
static const char *
not_with_show(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;
	const struct overrides *w = &o->overrides;

	if (o->show.list && o->show.show)
		return "--list-runs and --show are two things; choose one";
	if (o->show.list && o->show.diff != NULL)
		return "--diff goes with --show";
	if (o->show.list && (reports_wanted(&c->reports) || c->html != NULL))
		return "reports are of one run: they go with --show";
	if (o->show.diff != NULL && reports_to_standard(&c->reports) > 0)
		return "standard output has what --diff finds; give reports files";
	if (w->processes != 0 || w->on_error != NULL || w->target != NULL || w->job != NULL || w->nparameters > 0 ||
	    w->nselected > 0 || c->run_dir != NULL || c->resume || c->failed_first || c->events != NULL || c->graph ||
	    c->dry_run || c->progress != PROGRESS_AUTO || o->check || o->deploy || o->run_now)
		return "--list-runs and --show tell of runs that there are, and start nothing: options of a run mean nothing to them";
	return NULL;
}

/* The same beside --init. */
static const char *
not_with_init(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;

	if (o->show.list || o->show.show || c->resume || c->dry_run || o->check || o->deploy || c->json || c->events != NULL ||
	    reports_wanted(&c->reports) || c->html != NULL || o->overrides.nselected > 0 || o->overrides.nparameters > 0 ||
	    o->overrides.target != NULL || o->overrides.job != NULL || o->overrides.processes != 0 ||
	    o->overrides.on_error != NULL || c->progress != PROGRESS_AUTO || o->complete != NULL)
		return "--init makes a workflow and runs nothing; beside it there can be -o and -q";
	return NULL;
}

/* The same beside --complete, which looks at what the workflow is with options that change it. */
static const char *
not_with_complete(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;

	if (o->show.list || o->show.show || o->init || c->resume || c->dry_run || o->check || o->deploy || c->json ||
	    c->run_dir != NULL || c->events != NULL || reports_wanted(&c->reports) || c->html != NULL)
		return "--complete prints names and runs nothing: options of other things mean nothing to it";
	return NULL;
}

/* Two that write one file: only the later would be left in it. */
static void
check_files(const struct conduct_options *c)
{
	struct {
		const char *option, *file;
	} list[REPORTS + 2] = {{"--events", c->events}, {"--html", c->html}};

	for (int i = 0; i < REPORTS; i++) {
		list[i + 2].option = report_option(i);
		list[i + 2].file = c->reports.files[i];
	}
	for (int i = 0; i < REPORTS + 2; i++) {
		for (int k = 0; k < i; k++) {
			if (list[i].file == NULL || list[k].file == NULL || strcmp(list[i].file, "-") == 0 ||
			    strcmp(list[k].file, "-") == 0 || !file_is_same(list[i].file, list[k].file))
				continue;
			log_error("%s and %s would both write '%s'; give each a file of its own", list[k].option, list[i].option,
			    list[i].file);
			usage();
		}
	}
}

/* Options that contradict each other, or mean nothing alone. */
static void
check_options(const struct options *o)
{
	const struct conduct_options *c = &o->conduct;
	const char *fault = NULL;

	if (o->complete != NULL && (fault = not_with_complete(o)) != NULL)
		;
	else if (o->show.list || o->show.show)
		fault = not_with_show(o);
	else if (o->show.diff != NULL)
		fault = "--diff goes with --show: it compares two runs that there are";
	if (fault != NULL)
		;
	else if (c->json && c->events != NULL && strcmp(c->events, "-") == 0)
		fault = "--json and --events=- both want standard output; give --events a file";
	else if (c->json + (c->events != NULL && strcmp(c->events, "-") == 0) + reports_to_standard(&c->reports) > 1)
		fault = "only one of --json, --events=-, --junit=- and --trace=- can have standard output; give the others files";
	else if (c->run_dir != NULL && *c->run_dir == '\0')
		fault = o->init ? "the name of the file to make is empty" : "the run folder's name is empty";
	else if (c->resume_dir != NULL && *c->resume_dir == '\0')
		fault = "the name of the run folder to resume is empty";
	else if (c->resume && c->run_dir != NULL)
		fault = "--run-dir is for a new run; name the folder of the run to resume by --resume=DIR";
	else if (c->html != NULL && (*c->html == '\0' || strcmp(c->html, "-") == 0))
		fault = "--html wants a file: it is written again and again while the run goes on";
	else if (c->failed_first && !c->resume)
		fault = "--failed-first goes with --resume: what failed is known of an earlier run";
	else if (c->graph && !c->dry_run)
		fault = "--graph goes with --dry-run";
	else if (c->graph && c->json)
		fault = "--graph and --json are two forms of the plan; choose one";
	else if (o->init && (fault = not_with_init(o)) != NULL)
		;
	else if (o->run_now && !o->deploy)
		fault = "--run-now goes with --deploy: it starts the job that was deployed";
	else if (o->deploy)
		fault = not_with_deploy(o);
	if (fault != NULL) {
		log_error("%s", fault);
		usage();
	}
	check_files(c);
}

int
options_parse(struct options *o, int argc, char **argv)
{
	int c;

	*o = (struct options){.level = LOG_WARN, .conduct = {.progress = PROGRESS_AUTO}};
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
		case OPT_LIST_RUNS:
			o->show.list = true;
			o->show.folder = optarg;
			break;
		case OPT_SHOW:
			o->show.show = true;
			o->show.run = optarg;
			break;
		case OPT_DIFF:
			o->show.diff = optarg;
			break;
		case OPT_JSON:
			o->conduct.json = true;
			break;
		case OPT_EVENTS:
			o->conduct.events = optarg;
			break;
		case OPT_JUNIT:
			o->conduct.reports.files[REPORT_JUNIT] = optarg;
			break;
		case OPT_TRACE:
			o->conduct.reports.files[REPORT_TRACE] = optarg;
			break;
		case OPT_HTML:
			o->conduct.html = optarg;
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
		case OPT_INIT:
			o->init = true;
			break;
		case OPT_COMPLETE:
			o->complete = optarg;
			break;
		case OPT_SCHEMA:
			print_schema();
		case 'h':
			print_and_exit(help);
		case 'V':
			print_and_exit(PACKAGE_STRING "\n");
		default:
			usage();
		}
	}
	check_options(o);
	return optind;
}

void
options_release(struct options *o)
{
	free(o->parameters);
	free(o->selected);
	*o = (struct options){0};
}
