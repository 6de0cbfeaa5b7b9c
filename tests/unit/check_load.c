#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "loading.h"
#include "workflow/load.h"
#include "workflow/name.h"
#include "workflow/status.h"
#include "workflow/yaml.h"

START_TEST(fills_in_defaults)
{
	struct workflow w;
	const struct task *t;

	load(&w, "notebooks: [sub/a.b.ipynb]\n");
	ck_assert_str_eq(w.name, "w");
	ck_assert_str_eq(w.file, "w.yaml");
	ck_assert_str_eq(w.text, "notebooks: [sub/a.b.ipynb]\n");
	ck_assert_uint_eq(w.text_len, 27);
	ck_assert_uint_eq(w.processes, proc_cpus());
	ck_assert_int_eq(w.on_error, POLICY_LET_FINISH);
	ck_assert_int_eq(w.timeout, 0);
	ck_assert_uint_eq(w.ntargets, 1);
	ck_assert_ptr_eq(w.target, w.targets[0]);
	ck_assert_str_eq(w.target->name, "local");
	ck_assert_str_eq(w.target->type, "local");
	ck_assert_ptr_null(w.target->kernel);
	ck_assert_int_eq(w.target->transport, TRANSPORT_AUTO);
	ck_assert_int_eq(w.target->startup_timeout, 60 * NSEC_PER_SEC);
	ck_assert_int_eq(w.target->shutdown_grace, NSEC_PER_SEC / 2);
	ck_assert_uint_eq(w.ntasks, 1);
	t = w.tasks;
	ck_assert_str_eq(t->name, "a.b");
	ck_assert_str_eq(t->path, "sub/a.b.ipynb");
	ck_assert_str_eq(t->file, "d/sub/a.b.ipynb");
	ck_assert_str_eq(t->working_directory, "d/sub");
	ck_assert_ptr_null(t->kernel);
	ck_assert_uint_eq(t->parameters.n, 0);
	ck_assert_uint_eq(t->env.n, 0);
	ck_assert_int_eq(t->timeout, 0);
	ck_assert_int_eq(t->cell_timeout, 0);
	ck_assert(!t->allow_failure && !t->allow_errors);
	ck_assert_ptr_eq(t->target, w.target);
	ck_assert_uint_eq(t->mark.line, 1);
	ck_assert_uint_eq(t->mark.column, 13);
	ck_assert_uint_eq(t->path_mark.column, 13);
	ck_assert_uint_eq(t->name_mark.column, 13);
	workflow_release(&w);
	ck_assert_ptr_null(w.tasks);
}
END_TEST

START_TEST(reads_everything)
{
	static const char text[] =
	    "name: nightly\n"
	    "processes: 0x10\n"
	    "on_error: fail-fast\n"
	    "timeout_seconds: 1.5\n"
	    "target: quick\n"
	    "parameters: {a: 1, b: [x, {y: ~}]}\n"
	    "targets:\n"
	    "  quick: {type: local, kernel: ir, transport: tcp, startup_timeout_seconds: 0.5, shutdown_seconds: 0}\n"
	    "  local: {transport: ipc}\n"
	    "defaults: {timeout_seconds: 600, allow_errors: true, kernel: python3, env: {A: 1.10, B: yes},\n"
	    "  working_directory: work, parameters: {b: 2, c: 1.10}}\n"
	    "notebooks:\n"
	    "  - path: /abs/load.ipynb\n"
	    "    name: 1.10\n"
	    "    kernel: other\n"
	    "    parameters: {c: 0x1F, d: .nan, a: '{'}\n"
	    "    timeout_seconds: 0\n"
	    "    cell_timeout_seconds: 1e-12\n"
	    "    allow_failure: TRUE\n"
	    "    allow_errors: false\n"
	    "    working_directory: /tmp/x\n"
	    "    env: {B: '', C: true}\n"
	    "    target: local\n"
	    "  - {path: b.ipynb}\n";
	struct workflow w;
	const struct task *t;

	load(&w, text);
	ck_assert_str_eq(w.name, "nightly");
	ck_assert_uint_eq(w.processes, 16);
	ck_assert_int_eq(w.on_error, POLICY_FAIL_FAST);
	ck_assert_int_eq(w.timeout, 3 * NSEC_PER_SEC / 2);
	ck_assert_uint_eq(w.ntargets, 2);
	ck_assert_str_eq(w.target->name, "quick");
	ck_assert_str_eq(w.target->kernel, "ir");
	ck_assert_int_eq(w.target->transport, TRANSPORT_TCP);
	ck_assert_int_eq(w.target->startup_timeout, NSEC_PER_SEC / 2);
	ck_assert_int_eq(w.target->shutdown_grace, 0);
	t = &w.tasks[0];
	ck_assert_str_eq(t->name, "1.10");
	ck_assert_str_eq(t->file, "/abs/load.ipynb");
	ck_assert_str_eq(t->working_directory, "/tmp/x");
	ck_assert_str_eq(t->kernel, "other");
	ck_assert_int_eq(t->timeout, 0);
	ck_assert_int_eq(t->cell_timeout, 1);	/* so little must not become none */
	ck_assert(t->allow_failure && !t->allow_errors);
	ck_assert_str_eq(t->target->name, "local");
	ck_assert_int_eq(t->target->transport, TRANSPORT_IPC);
	ck_assert_uint_eq(t->kernel_mark.line, 15);
	ck_assert_uint_eq(t->path_mark.line, 13);
	ck_assert_uint_eq(t->path_mark.column, 11);
	check_params(&t->parameters, "{\"a\": \"{\", \"b\": 2, \"c\": 31, \"d\": \"NaN\"}");
	ck_assert_str_eq(params_find(&t->parameters, "d")->value, "NaN");
	check_params(&t->env, "{\"A\": \"1.10\", \"B\": \"\", \"C\": \"true\"}");
	t = &w.tasks[1];
	ck_assert_str_eq(t->working_directory, "d/work");
	ck_assert_str_eq(t->kernel, "python3");
	ck_assert_uint_eq(t->kernel_mark.line, 10);
	ck_assert_int_eq(t->timeout, 600 * NSEC_PER_SEC);
	ck_assert(!t->allow_failure && t->allow_errors);
	ck_assert_str_eq(t->target->name, "quick");
	check_params(&t->parameters, "{\"a\": 1, \"b\": 2, \"c\": 1.1}");
	check_params(&t->env, "{\"A\": \"1.10\", \"B\": \"yes\"}");
	workflow_release(&w);
}
END_TEST

/* The order of the keys in the file does not matter, and anchors carry whole entries. */
START_TEST(reads_in_any_order)
{
	struct workflow w;

	load(&w, "notebooks:\n- &n {path: a.ipynb, parameters: {z: 1}}\n- {<<: *n, name: b}\n"
	    "defaults: {parameters: {y: 2}}\nx-any: [thing]\nparameters: {x: 3}\ntarget: far\n"
	    "targets: {far: {type: local, x-y: 1}}\n");
	ck_assert_uint_eq(w.ntasks, 2);
	check_params(&w.tasks[0].parameters, "{\"x\": 3, \"y\": 2, \"z\": 1}");
	check_params(&w.tasks[1].parameters, "{\"x\": 3, \"y\": 2, \"z\": 1}");
	ck_assert_str_eq(w.tasks[1].name, "b");
	ck_assert_str_eq(w.tasks[1].target->name, "far");
	workflow_release(&w);

	load(&w, "{\"notebooks\":\n\t[{\"path\": \"a\\/b.ipynb\", \"name\": \"\\ud83d\\ude00\"}]}");
	ck_assert_str_eq(w.tasks[0].file, "d/a/b.ipynb");
	ck_assert_str_eq(w.tasks[0].name, "\xf0\x9f\x98\x80");
	workflow_release(&w);
}
END_TEST

START_TEST(refuses_wrong_types)
{
	check_wrong("- [a.ipynb]\n", "1:1: a workflow must be a map of keys such as 'notebooks', not a list\n");
	check_wrong("a.ipynb\n", "1:1: a workflow must be a map of keys such as 'notebooks', not text\n");
	check_wrong("name: x\n", "1:1: key 'notebooks' is missing; list the notebooks to run\n");
	check_wrong("notebooks: []\n", "1:12: 'notebooks' is empty; list the notebooks to run\n");
	check_wrong("notebooks: a.ipynb\n", "1:12: 'notebooks' must be a list of notebooks, not text\n");
	check_wrong("notebooks:\n", "1:11: 'notebooks' must be a list of notebooks, not nothing (null)\n");
	check_wrong("notebooks:\n-\n- [a]\n- {name: x}\n- {path: ~}\n- ''\n",
	    "2:2: a notebook must be a path or a map with the key 'path', not nothing (null)\n"
	    "3:3: a notebook must be a path or a map with the key 'path', not a list\n"
	    "4:3: key 'path' is missing; it says which notebook to run\n"
	    "5:10: 'path' has no value; write text, or leave the key out\n"
	    "6:3: 'path' is empty; write text, or leave the key out\n");
	check_wrong("processes: 0\nnotebooks: [a.ipynb]\n", "1:12: 'processes' must be a whole number from 1 to 10000, not 0\n");
	check_wrong("processes: 10001\nnotebooks: [a.ipynb]\n",
	    "1:12: 'processes' must be a whole number from 1 to 10000, not 10001\n");
	check_wrong("processes: 99999999999999999999\nnotebooks: [a.ipynb]\n",
	    "1:12: 'processes' must be a whole number from 1 to 10000, not 99999999999999999999\n");
	check_wrong("processes: '4'\nnotebooks: [a.ipynb]\n",
	    "1:12: 'processes' must be a whole number from 1 to 10000, not the text '4'\n");
	check_wrong("processes: 1.5\nnotebooks: [a.ipynb]\n", "1:12: 'processes' must be a whole number from 1 to 10000, not 1.5\n");
	check_wrong("{notebooks: [a.ipynb], timeout_seconds: -1, name: [x], target: {}, parameters: [], defaults: 1, targets: ~}",
	    "1:41: 'timeout_seconds' must be a number of seconds, such as 600, not -1\n"
	    "1:51: 'name' must be text, not a list\n1:64: 'target' must be text, not a map\n"
	    "1:80: 'parameters' must be a map, not a list\n1:94: 'defaults' must be a map, not a whole number\n"
	    "1:106: 'targets' has no value; write a map, or leave the key out\n");
	check_wrong("{notebooks: [{path: a.ipynb, timeout_seconds: .inf, cell_timeout_seconds: 10m}]}",
	    "1:47: 'timeout_seconds' must be a number of seconds, such as 600, not .inf\n"
	    "1:75: 'cell_timeout_seconds' must be a number of seconds, such as 600, not the text '10m'\n");
	check_wrong("{notebooks: [{path: a.ipynb, timeout_seconds: .nan, cell_timeout_seconds: 1e999}]}",
	    "1:47: 'timeout_seconds' must be a number of seconds, such as 600, not .nan\n"
	    "1:75: 'cell_timeout_seconds' must be a number of seconds, such as 600, not 1e999\n");
	check_wrong("{notebooks: [{path: a.ipynb, allow_failure: yes, allow_errors: 'true'}, {path: b.ipynb, allow_errors: 1}]}",
	    "1:45: 'allow_failure' is the text 'yes'; write true or false, without quotes\n"
	    "1:64: 'allow_errors' is the text 'true'; write true or false, without quotes\n"
	    "1:103: 'allow_errors' must be true or false, not a whole number\n");
	check_wrong("{notebooks: [{path: a.ipynb, env: {'a=b': 1, '': x, c: ~, d: [1]}}]}",
	    "1:36: environment variable 'a=b' must have a name, without '='\n"
	    "1:46: environment variable '' must have a name, without '='\n"
	    "1:56: environment variable 'c' must be text, not nothing (null); write '' for an empty one\n"
	    "1:62: environment variable 'd' must be text, not a list\n");
}
END_TEST

START_TEST(refuses_unknown_keys)
{
	check_wrong("procesess: 3\nonError: drain\ntimeout: 5\nblue: 1\nx-blue: 1\nkernel: ir\nnotebooks: [a.ipynb]\n",
	    "1:1: unknown key 'procesess'; did you mean 'processes'?\n"
	    "2:1: unknown key 'onError'; did you mean 'on_error'?\n"
	    "3:1: unknown key 'timeout'; did you mean 'timeout_seconds'?\n"
	    "4:1: unknown key 'blue'; a key of your own begins with x-\n"
	    "6:1: key 'kernel' belongs to a notebook; to set it for all of them, write it under 'defaults'\n");
	check_wrong("notebooks: [{path: a.ipynb, kernal: x, nmae: y, notebook: z, x-y: 1}]\n",
	    "1:29: unknown key 'kernal'; did you mean 'kernel'?\n1:40: unknown key 'nmae'; did you mean 'name'?\n"
	    "1:49: unknown key 'notebook'; a key of your own begins with x-\n");
	check_wrong("notebooks: [a.ipynb]\ndefaults: {path: a, name: b, x-a: 1}\n",
	    "2:12: 'path' cannot have a default; every notebook has its own\n"
	    "2:21: 'name' cannot have a default; every notebook has its own\n");
	check_wrong("on_error: failfast\nnotebooks: [a.ipynb]\n",
	    "1:11: on_error is 'failfast', which is none of let-finish, fail-fast, drain; did you mean 'fail-fast'?\n");
	check_wrong("on_error: stop\nnotebooks: [a.ipynb]\n",
	    "1:11: on_error is 'stop', which is none of let-finish, fail-fast, drain\n");
	check_wrong("a: 1\na: 2\nnotebooks: [a.ipynb]\n", "1:1: unknown key 'a'; a key of your own begins with x-\n"
	    "2:1: duplicate key 'a'; it is first at line 1\n");
}
END_TEST

START_TEST(refuses_values_of_other_kinds)
{
	check_wrong("defaults: {threads: -1}\nnotebooks: [{path: a.ipynb, threads: [1]}, b.ipynb]\n",
	    "1:21: 'threads' must be a whole number from 0 to 65536, not -1\n2:38: 'threads' must be a whole number from 0 to "
	    "65536, not a list\n");
	check_wrong("targets: {local: {preload: [a, b c, a..b, 5], warm: 1}, p: {type: databricks, host: x, kernel: [y]}}\n"
	    "target: p\nnotebooks: [a.ipynb]\n",
	    "1:32: 'preload' must have names of modules, such as 'pandas', and 'b c' is none\n"
	    "1:37: 'preload' must have names of modules, such as 'pandas', and 'a..b' is none\n"
	    "1:43: 'preload' must have names of modules, such as 'pandas', and '5' is none\n"
	    "1:53: warm is '1', which is none of auto, off\n"
	    "1:88: unknown key 'kernel'; a key of your own begins with x-\n");
}
END_TEST

/* ---- How much may run, and when ---- */

static void
check_command(const struct command *c, enum hook hook, unsigned column, const char *words)
{
	struct buf all = BUF_INIT;

	for (size_t i = 0; c->argv[i] != NULL; i++)
		buf_addf(&all, "%s'%s'", i > 0 ? " " : "", c->argv[i]);
	ck_assert_int_eq(c->hook, hook);
	ck_assert_uint_eq(c->mark.column, column);
	ck_assert_str_eq(buf_str(&all), words);
	buf_release(&all);
}

START_TEST(reads_hooks)
{
	struct workflow w;

	load(&w, "notebooks: [a.ipynb]\n");
	ck_assert_uint_eq(w.ncommands, 0);
	ck_assert_int_eq(w.hook_timeout, 60 * NSEC_PER_SEC);
	workflow_release(&w);
	load(&w, "parameters: {to: data}\nhooks: {on_finish: [tell], on_start: [[sh, -c, 'a; b'], [./x y, '', 1.10, true]],\n"
	    "  on_failure: ['{{ parameters.to }}', '--to={{ parameters.to }}'], timeout_seconds: 0.5, x-y: 1}\n"
	    "notebooks: [a.ipynb]\n");
	ck_assert_uint_eq(w.ncommands, 4);
	check_command(&w.commands[0], HOOK_ON_START, 40, "'sh' '-c' 'a; b'");
	check_command(&w.commands[1], HOOK_ON_START, 58, "'./x y' '' '1.10' 'true'");
	check_command(&w.commands[2], HOOK_ON_FAILURE, 16, "'data' '--to=data'");
	check_command(&w.commands[3], HOOK_ON_FINISH, 21, "'tell'");
	ck_assert_int_eq(w.hook_timeout, NSEC_PER_SEC / 2);
	workflow_release(&w);
}
END_TEST

START_TEST(refuses_hooks)
{
	check_wrong("hooks: [a]\nnotebooks: [a.ipynb]\n", "1:8: 'hooks' must be a map, not a list\n");
	check_wrong("notebooks: [a.ipynb]\nhooks:\n  on_fail: [a]\n  on_start: tell -x\n  on_success: []\n  on_failure: [[a], b, []]\n"
	    "  on_finish: [a, [b], {c: d}, ~]\n",
	    "3:3: unknown key 'on_fail'; did you mean 'on_failure'?\n"
	    "4:13: 'on_start' must be a list of words, such as [notify, --channel, data], not the text 'tell -x'; no shell takes "
	    "it apart, but one may be the command: [sh, -c, '...']\n"
	    "5:15: a command of 'on_success' is empty; list its words, such as [notify, --channel, data], or leave it out\n"
	    "6:21: the commands of 'on_failure' must all be lists of words, as the first one is\n"
	    "6:24: a command of 'on_failure' is empty; list its words, such as [notify, --channel, data], or leave it out\n"
	    "7:18: a word of a command of 'on_finish' must be text, not a list; several commands are a list of lists\n"
	    "7:23: a word of a command of 'on_finish' must be text, not a map; several commands are a list of lists\n"
	    "7:31: a word of a command of 'on_finish' has no value; write '' for an empty one, and '~' in quotes for a tilde\n");
	check_wrong("hooks: {on_start: 5, on_finish: ['', a], on_success: ~, timeout_seconds: 1m}\nnotebooks: [a.ipynb]\n",
	    "1:19: 'on_start' must be a list of words, such as [notify, --channel, data], not a whole number\n"
	    "1:34: the first word of a command of 'on_finish' is empty; it names the program to run\n"
	    "1:54: 'on_success' must be a list of words, such as [notify, --channel, data], not nothing (null)\n"
	    "1:74: 'timeout_seconds' must be a number of seconds, such as 600, not the text '1m'\n");
}
END_TEST

START_TEST(reads_limits)
{
	struct workflow w;

	load(&w, "order: longest-first\nlimits: {max_load: 7.5, min_free_memory: 1.5G, requeue_youngest: true}\n"
	    "pools: {db: 2, \"a b\": 10000}\ndefaults: {pool: db, priority: 3}\n"
	    "notebooks: [a.ipynb, {path: b.ipynb, pool: a b, priority: -1000000, memory_limit: 512MB}]\n");
	ck_assert_int_eq(w.order, ORDER_LONGEST_FIRST);
	ck_assert_double_eq(w.max_load, 7.5);
	ck_assert_int_eq(w.min_free_memory, INT64_C(3) << 29);
	ck_assert(w.requeue_youngest);
	ck_assert_uint_eq(w.npools, 2);
	ck_assert_str_eq(w.pools[0].name, "db");
	ck_assert_uint_eq(w.pools[0].most, 2);
	ck_assert_uint_eq(w.pools[0].mark.column, 9);
	ck_assert_uint_eq(w.pools[1].most, 10000);
	ck_assert_uint_eq(w.tasks[0].pool, 0);
	ck_assert_int_eq(w.tasks[0].priority, 3);
	ck_assert_int_eq(w.tasks[0].memory_limit, 0);
	ck_assert_uint_eq(w.tasks[1].pool, 1);
	ck_assert_int_eq(w.tasks[1].priority, -1000000);
	ck_assert_int_eq(w.tasks[1].memory_limit, 512000000);
	workflow_release(&w);

	load(&w, "notebooks: [a.ipynb]\nlimits: {}\npools: {}\n");
	ck_assert_int_eq(w.order, ORDER_AS_WRITTEN);
	ck_assert_double_eq(w.max_load, 0);
	ck_assert_int_eq(w.min_free_memory, 0);
	ck_assert(!w.requeue_youngest);
	ck_assert_uint_eq(w.npools, 0);
	ck_assert_uint_eq(w.tasks[0].pool, NO_POOL);
	workflow_release(&w);

	check_wrong("{notebooks: [a.ipynb], limits: 3, pools: [a], order: first}",
	    "1:32: 'limits' must be a map, not a whole number\n1:42: 'pools' must be a map, not a list\n"
	    "1:54: order is 'first', which is none of as-written, smallest-first, longest-first\n");
	check_wrong("{notebooks: [a.ipynb], limits: {max_lod: 3, max_load: -1, min_free_memory: 2X, requeue_youngest: "
	    "yes}}",
	    "1:33: unknown key 'max_lod'; did you mean 'max_load'?\n"
	    "1:55: 'max_load' must be a load, such as 8, not -1\n"
	    "1:76: 'min_free_memory' must be a number of bytes, such as 2G or 500M, not '2X'\n"
	    "1:98: 'requeue_youngest' is the text 'yes'; write true or false, without quotes\n");
	check_wrong("{notebooks: [a.ipynb], limits: {max_load: .inf, min_free_memory: [1]}}",
	    "1:43: 'max_load' must be a load, such as 8, not .inf\n"
	    "1:66: 'min_free_memory' must be a number of bytes, such as 2G or 500M, not a list\n");
	check_wrong("{notebooks: [a.ipynb], limits: {requeue_youngest: true}}",
	    "1:33: 'requeue_youngest' needs 'min_free_memory': it comes when less than half of that is free\n");
	/* A number that is wrong is one fault, not one more for every notebook in the pool. */
	check_wrong("{notebooks: [{path: a.ipynb, pool: db}, {path: b.ipynb, pool: dx}, {path: c.ipynb, pool: ''}], "
	    "pools: {db: 0, dc: x}}",
	    "1:63: pool is 'dx', which is none of db, dc; did you mean 'db'?\n"
	    "1:90: 'pool' is empty; write text, or leave the key out\n"
	    "1:108: 'db' must be a whole number from 1 to 10000, not 0\n"
	    "1:115: 'dc' must be a whole number from 1 to 10000, not the text 'x'\n");
	check_wrong("{notebooks: [{path: a.ipynb, pool: db, priority: 1000001, memory_limit: -1}]}",
	    "1:36: there is no pool 'db'; give it a number under the workflow's key 'pools'\n"
	    "1:50: 'priority' must be a whole number from -1000000 to 1000000, not 1000001\n"
	    "1:73: 'memory_limit' must be a number of bytes, such as 2G or 500M, not '-1'\n");
}
END_TEST

/* Bytes as people write them; 0 for what is refused. */
static const struct {
	const char *text;
	int64_t bytes;
} sizes[] = {
	{"1", 1}, {"1B", 1}, {"1.0", 1}, {"0x10", 16}, {"1k", 1024}, {"1K", 1024}, {"1Ki", 1024}, {"1KiB", 1024},
	{"1kB", 1000}, {"1.5 M", 3 << 19}, {"2MB", 2000000}, {"3G", INT64_C(3) << 30}, {"1T", INT64_C(1) << 40},
	{"1PB", INT64_C(1000000000000000)}, {"7000P", INT64_C(7000) << 50}, {"1e3", 1000}, {"1e3K", 1024000},
	/* Wrong ones. */
	{"", 0}, {"G", 0}, {"1Q", 0}, {"1KK", 0}, {"1KiBs", 0}, {"1 0", 0}, {"-1G", 0}, {"0.1", 0}, {"9000P", 0},
	{"1e30", 0}, {"nan", 0}, {"inf", 0}, {"1b", 0}, {"1g", 0},
};

START_TEST(reads_bytes)
{
	struct workflow w;
	char text[200], expected[200];

	snprintf(text, sizeof(text), "notebooks: [{path: a.ipynb, memory_limit: '%s'}]", sizes[_i].text);
	if (sizes[_i].bytes == 0) {
		snprintf(expected, sizeof(expected), "1:43: 'memory_limit' must be a number of bytes, such as 2G or "
		    "500M, not '%s'\n",
		    sizes[_i].text);
		check_wrong(text, expected);
		return;
	}
	load(&w, text);
	ck_assert_int_eq(w.tasks[0].memory_limit, sizes[_i].bytes);
	workflow_release(&w);
}
END_TEST

START_TEST(reads_policies)
{
	struct workflow w;
	const struct overrides o = {.on_error = "drain"};

	load(&w, "notebooks: [a.ipynb]\n");
	ck_assert_int_eq(w.on_error, POLICY_LET_FINISH);
	ck_assert_uint_eq(w.after_failures, 1);
	workflow_release(&w);
	load(&w, "notebooks: [a.ipynb]\non_error: drain\n");
	ck_assert_int_eq(w.on_error, POLICY_DRAIN);
	ck_assert_uint_eq(w.after_failures, 1);
	workflow_release(&w);
	load(&w, "notebooks: [a.ipynb]\non_error: {policy: fail-fast, after: 3}\n");
	ck_assert_int_eq(w.on_error, POLICY_FAIL_FAST);
	ck_assert_uint_eq(w.after_failures, 3);
	ck_assert_double_eq(w.after_percent, 0);
	workflow_release(&w);
	load(&w, "notebooks: [a.ipynb]\non_error: {after: 2.5%, policy: drain}\n");
	ck_assert_int_eq(w.on_error, POLICY_DRAIN);
	ck_assert_uint_eq(w.after_failures, 0);
	ck_assert_double_eq(w.after_percent, 2.5);
	workflow_release(&w);
	load(&w, "notebooks: [a.ipynb]\non_error: {policy: let-finish}\n");
	ck_assert_int_eq(w.on_error, POLICY_LET_FINISH);
	workflow_release(&w);
	/* The command line's replaces all of it. */
	load_with(&w, "notebooks: [a.ipynb]\non_error: {after: 100%, policy: fail-fast}\n", &o);
	ck_assert_int_eq(w.on_error, POLICY_DRAIN);
	ck_assert_uint_eq(w.after_failures, 1);
	ck_assert_double_eq(w.after_percent, 0);
	workflow_release(&w);

	check_wrong("{notebooks: [a.ipynb], on_error: {policy: drain, after: [1]}}",
	    "1:57: 'after' must be a number of failures, such as 3, or a share of the notebooks, such as 10%, not a "
	    "list\n");
	check_wrong("{notebooks: [a.ipynb], on_error: [drain]}", "1:34: 'on_error' must be text, not a list\n");
	check_wrong("{notebooks: [a.ipynb], on_error: {after: 1}}",
	    "1:34: key 'policy' is missing; it says what failures lead to, such as fail-fast\n");
	check_wrong("{notebooks: [a.ipynb], on_error: {policy: let-finish, after: 1}}",
	    "1:34: 'after' means nothing with let-finish, for which no number of failures is too many; "
	    "the policy is to be fail-fast or drain\n");
	check_wrong("{notebooks: [a.ipynb], on_error: {policy: drian, after: 0, of: 3}}",
	    "1:43: policy is 'drian', which is none of let-finish, fail-fast, drain; did you mean 'drain'?\n"
	    "1:57: 'after' must be a whole number from 1 to 200000, not 0\n"
	    "1:60: unknown key 'of'; a key of your own begins with x-\n");
}
END_TEST

START_TEST(refuses_shares)
{
	static const char *const wrong[] = {"0%", "-1%", "100.1%", "3", "%", "10 %", "10%%", "nan%", "inf%", "many"};
	char text[200], expected[200];

	snprintf(text, sizeof(text), "{notebooks: [a.ipynb], on_error: {policy: drain, after: '%s'}}", wrong[_i]);
	snprintf(expected, sizeof(expected), "1:57: 'after' must be a number of failures, such as 3, "
	    "or a share of the notebooks, such as 10%%, not '%s'\n", wrong[_i]);
	check_wrong(text, expected);
}
END_TEST

START_TEST(reads_retries)
{
	struct workflow w;
	const struct task *t;

	load(&w, "defaults: {retries: 2, retry_delay_seconds: 0.5, retry_backoff: 1, retry_on: [kernel, "
	    "ConnectionError, a.b.C]}\n"
	    "notebooks:\n- a.ipynb\n- {path: b.ipynb, retries: 1000, retry_delay_seconds: 0, retry_backoff: 1.5, "
	    "retry_on: worker}\n"
	    "- {path: c.ipynb, retries: 0, retry_on: [], retry_on_timeout: true}\n"
	    "- {path: d.ipynb, retry_on: [notebook, target, timeout], retry_on_timeout: false}\n");
	t = &w.tasks[0];
	ck_assert_uint_eq(t->retries, 2);
	ck_assert_int_eq(t->retry_delay, NSEC_PER_SEC / 2);
	ck_assert_double_eq(t->retry_backoff, 1);
	ck_assert_uint_eq(t->retry_on.kinds, 1u << ERROR_KERNEL);
	ck_assert_uint_eq(t->retry_on.n, 2);
	ck_assert_str_eq(t->retry_on.names[0], "ConnectionError");
	ck_assert_str_eq(t->retry_on.names[1], "a.b.C");
	t = &w.tasks[1];
	ck_assert_uint_eq(t->retries, 1000);
	ck_assert_int_eq(t->retry_delay, 0);
	ck_assert_double_eq(t->retry_backoff, 1.5);
	ck_assert_uint_eq(t->retry_on.kinds, 1u << ERROR_WORKER);
	ck_assert_uint_eq(t->retry_on.n, 0);
	t = &w.tasks[2];
	ck_assert_uint_eq(t->retries, 0);
	ck_assert_uint_eq(t->retry_on.kinds, 1u << ERROR_TIMEOUT);
	t = &w.tasks[3];
	ck_assert_uint_eq(t->retry_on.kinds, 1u << ERROR_NOTEBOOK | 1u << ERROR_TARGET | 1u << ERROR_TIMEOUT);
	workflow_release(&w);

	/* The defaults: none, and of all kinds but the timeout. */
	load(&w, "notebooks: [a.ipynb, {path: b.ipynb, retry_on_timeout: true}]\n");
	t = &w.tasks[0];
	ck_assert_uint_eq(t->retries, 0);
	ck_assert_int_eq(t->retry_delay, NSEC_PER_SEC);
	ck_assert_double_eq(t->retry_backoff, 2);
	ck_assert_uint_eq(t->retry_on.kinds,
	    1u << ERROR_NOTEBOOK | 1u << ERROR_KERNEL | 1u << ERROR_TARGET | 1u << ERROR_WORKER);
	ck_assert_uint_eq(w.tasks[1].retry_on.kinds, t->retry_on.kinds | 1u << ERROR_TIMEOUT);
	workflow_release(&w);

	/* Exceptions have capital letters. */
	check_wrong("notebooks: [{path: a.ipynb, retry_on: Kernel}]\n",
	    "1:39: 'retry_on' has 'Kernel'; did you mean 'kernel'? It takes notebook, kernel, target, worker, timeout, and names of "
	    "exceptions\n");
	load(&w, "notebooks: [{path: a.ipynb, retry_on: [Timeout, KeyError]}]\n");
	ck_assert_uint_eq(w.tasks[0].retry_on.n, 2);
	ck_assert_uint_eq(w.tasks[0].retry_on.kinds, 0);
	workflow_release(&w);

	check_wrong("notebooks: [{path: a.ipynb, retries: 1001, retry_delay_seconds: -1, retry_backoff: 0.9, "
	    "retry_on: [kernal, [1], ''], retry_on_timeout: 1}]\n",
	    "1:38: 'retries' must be a whole number from 0 to 1000, not 1001\n"
	    "1:65: 'retry_delay_seconds' must be a number of seconds, such as 600, not -1\n"
	    "1:84: 'retry_backoff' must be a factor of at least 1, such as 2, not 0.9\n"
	    "1:100: 'retry_on' has 'kernal'; did you mean 'kernel'? It takes notebook, kernel, target, worker, "
	    "timeout, "
	    "and names of exceptions\n"
	    "1:108: 'retry_on' must be text, not a list\n1:113: 'retry_on' is empty; write text, or leave the key out\n"
	    "1:136: 'retry_on_timeout' must be true or false, not a whole number\n");
	check_wrong("notebooks: [{path: a.ipynb, retry_on: {kernel: 1}, retry_backoff: .nan}]\n",
	    "1:39: 'retry_on' must be text, not a map\n"
	    "1:67: 'retry_backoff' must be a factor of at least 1, such as 2, not .nan\n");
}
END_TEST

/* What is a notebook's stands in the wrong place, and where it belongs is said. */
START_TEST(knows_whose_keys_are_whose)
{
	static const char *const keys[] = {"retries", "retry_delay_seconds", "retry_backoff", "retry_on",
	    "retry_on_timeout",
	    "memory_limit", "env", "working_directory", "allow_failure", "allow_errors", "cell_timeout_seconds",
	    "priority",
	    "depends_on", "run_if"};
	char text[200], expected[200];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(text, sizeof(text), "notebooks: [a.ipynb]\n%s: 1\n", keys[i]);
		snprintf(expected, sizeof(expected), "2:1: key '%s' belongs to a notebook; to set it for all of them, "
		    "write it under 'defaults'\n", keys[i]);
		check_wrong(text, expected);
	}
	check_wrong("notebooks: [a.ipynb]\ndefaults: {path: a, name: b, for_each: [1], matrix: {a: [1]}}\n",
	    "2:12: 'path' cannot have a default; every notebook has its own\n"
	    "2:21: 'name' cannot have a default; every notebook has its own\n"
	    "2:30: 'for_each' cannot have a default; every notebook has its own\n"
	    "2:45: 'matrix' cannot have a default; every notebook has its own\n");
	check_wrong("notebooks: [{path: a.ipynb, pools: 1, limits: 2, on_error: 3}]\n",
	    "1:29: unknown key 'pools'; did you mean 'pool'?\n"
	    "1:39: unknown key 'limits'; a key of your own begins with x-\n"
	    "1:50: unknown key 'on_error'; a key of your own begins with x-\n");
}
END_TEST

START_TEST(names_words)
{
	enum order order = ORDER_LONGEST_FIRST;
	enum run_if run_if = RUN_IF_ALL_FAILED;

	for (int i = ORDER_AS_WRITTEN; i <= ORDER_LONGEST_FIRST; i++) {
		ck_assert(order_parse(order_name((enum order)i), &order));
		ck_assert_int_eq(order, i);
	}
	ck_assert(!order_parse("", &order) && !order_parse("as_written", &order));
	ck_assert_int_eq(order, ORDER_LONGEST_FIRST);
	for (int i = RUN_IF_ALL_SUCCESS; i <= RUN_IF_ALL_FAILED; i++) {
		ck_assert(run_if_parse(run_if_name((enum run_if)i), &run_if));
		ck_assert_int_eq(run_if, i);
	}
	ck_assert(!run_if_parse("", &run_if) && !run_if_parse("all-failed", &run_if));
	ck_assert_int_eq(run_if, RUN_IF_ALL_FAILED);
	ck_assert_str_eq(run_if_name(RUN_IF_AT_LEAST_ONE_FAILED), "at_least_one_failed");
}
END_TEST

START_TEST(finds_parts_of_paths)
{
	static const struct {
		const char *path, *name;
	} samples[] = {
		{"a/b.c.ipynb", "b.c"}, {"a.ipynb", "a"}, {"a", "a"}, {"a.b/c", "c"}, {".hidden", ".hidden"},
		    {"x/.h.ipynb", ".h"},
		{"a/", ""}, {"", ""}, {"a.", "a"},
	};
	char *name;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		name = name_of_path(samples[i].path);
		ck_assert_str_eq(name, samples[i].name);
		free(name);
	}
	ck_assert(name_ends("a.ipynb", ".ipynb") && name_ends(".ipynb", ".ipynb") && name_ends("x", ""));
	ck_assert(!name_ends("ipynb", ".ipynb") && !name_ends("a.ipynb ", ".ipynb"));
	ck_assert(name_is_identifier("_") && name_is_identifier("a1") && name_is_identifier("\xc3\xa9"));
	ck_assert(!name_is_identifier("") && !name_is_identifier("1a") && !name_is_identifier("a.b") &&
	    !name_is_identifier("\xff"));
}
END_TEST

START_TEST(checks_names)
{
	struct buf text = BUF_INIT;
	struct workflow w;

	check_wrong("notebooks:\n- a.ipynb\n- b.ipynb\n- sub/a.ipynb\n- {path: c.ipynb, name: b}\n",
	    "4:3: name 'a' is that of the notebook at line 2 already; give one of them another by the key 'name'\n"
	    "5:25: name 'b' is that of the notebook at line 3 already; give one of them another by the key 'name'\n");
	check_wrong("name: a/b\nnotebooks:\n- {path: a.ipynb, name: ..}\n- {path: a.ipynb, name: -x}\n- {path: a.ipynb, name: ''}\n"
	    "- {path: a.ipynb, name: \"a\\tb\"}\n- .hidden.ipynb\n- {path: a.ipynb, name: \"\\x9b\"}\n- {path: a.ipynb, name: a/b}\n",
	    "1:7: name 'a/b' holds a '/'; files are named by it\n"
	    "3:25: name '..' begins with '.'; files are named by it\n4:25: name '-x' begins with '-'; files are named by it\n"
	    "5:25: 'name' is empty; write text, or leave the key out\n"
	    "6:25: name 'a\\x09b' holds a control character; files are named by it\n"
	    "7:3: name '.hidden' begins with '.'; files are named by it; give the notebook another by the key 'name'\n"
	    "8:25: name '\\x9b' holds a control character; files are named by it\n"
	    "9:25: name 'a/b' holds a '/'; files are named by it\n");
	check_wrong("notebooks: [a.txt, b, c.ipynb/, d.IPYNB, e.py, f.sql, g.r, h.R, i.scala, j.PY]\n",
	    "1:13: 'a.txt' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "1:20: 'b' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "1:23: 'c.ipynb/' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "1:33: 'd.IPYNB' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "1:74: 'j.PY' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n");

	/* 200 bytes are allowed, and names that differ by case only. */
	buf_adds(&text, "notebooks: [Ab.ipynb, aB.ipynb, ");
	buf_fill(&text, 'n', 200);
	buf_adds(&text, ".ipynb]\n");
	load(&w, buf_str(&text));
	ck_assert_uint_eq(strlen(w.tasks[2].name), 200);
	workflow_release(&w);
	buf_reset(&text);
	buf_adds(&text, "notebooks: [");
	buf_fill(&text, 'n', 201);
	buf_adds(&text, ".ipynb]\n");
	check_wrong(buf_str(&text),
	    "1:13: name 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn' "
	    "is longer than 200 bytes; files are named by it; give the notebook another by the key 'name'\n");
	buf_release(&text);
}
END_TEST

START_TEST(checks_targets)
{
	check_wrong("targets: {two: {}, 'a/b': {}, local: 1, t: {type: lcal, transport: udp, startup_timeout_seconds: 0}}\n"
	    "target: tow\nnotebooks: [{path: a.ipynb, target: nowhere}]\n",
	    "1:11: key 'type' of target 'two' is missing; write 'type: databricks' or 'type: local'\n"
	    "1:20: target 'a/b' holds a '/'; files are named by it\n1:38: 'local' must be a map, not a whole number\n"
	    "1:51: type is 'lcal', which is none of local, databricks; did you mean 'local'?\n"
	    "1:68: transport is 'udp', which is none of auto, ipc, tcp\n"
	    "1:98: 'startup_timeout_seconds' must be more than 0: no kernel starts in no time\n"
	    "2:9: target is 'tow', which is none of local, two, t; did you mean 'two'?\n"
	    "3:37: target is 'nowhere', which is none of local, two, t\n");
}
END_TEST

START_TEST(checks_parameters)
{
	struct workflow w;

	check_wrong("parameters: {a-b: 1, 1a: 2, '': 3, \"a b\": 4, x-y: 5}\nnotebooks: [a.ipynb]\n",
	    "1:14: parameter 'a-b' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "1:22: parameter '1a' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "1:29: parameter '' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "1:36: parameter 'a b' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "1:46: parameter 'x-y' cannot be a variable's name: use letters, digits and '_', with no digit first\n");
	load(&w, "parameters: {_a1: 1, \xc3\xa9t\xc3\xa9: {x-y: 2, '': [3]}, n: ~, secret: s}\nnotebooks: [a.ipynb]\n");
	check_params(&w.tasks[0].parameters,
	    "{\"_a1\": 1, \"\xc3\xa9t\xc3\xa9\": {\"x-y\": 2, \"\": [3]}, \"n\": null, \"secret\": \"s\"}");
	workflow_release(&w);
}
END_TEST

START_TEST(reads_secrets)
{
	const char *const replacing[] = {"b=1"};
	const struct overrides o = {.parameters = (char *const *)replacing, .nparameters = 1};
	const struct param *a;
	struct workflow w;

	ck_assert_int_eq(setenv("CHECK_LOAD_SECRET", "s\"\xc3\xa9\n", 1), 0);
	ck_assert_int_eq(setenv("CHECK_LOAD_EMPTY", "", 1), 0);
	ck_assert_int_eq(setenv("CHECK_LOAD_LATIN", "\xe9", 1), 0);
	ck_assert_int_eq(unsetenv("CHECK_LOAD_UNSET"), 0);
	load(&w, "parameters: {a: {secret: CHECK_LOAD_SECRET}, b: {secret: CHECK_LOAD_EMPTY}, c: {secret: A, x: 1}}\n"
	    "defaults: {env: {T: {secret: CHECK_LOAD_SECRET}}}\nnotebooks: [a.ipynb, {path: b.ipynb, parameters: {a: 1}}]\n");
	a = params_find(&w.tasks[0].parameters, "a");
	ck_assert_str_eq(a->value, "\"s\\\"\xc3\xa9\\n\"");
	ck_assert_str_eq(a->secret, "CHECK_LOAD_SECRET");
	check_params(&w.tasks[0].parameters, "{\"a\": \"***\", \"b\": \"***\", \"c\": {\"secret\": \"A\", \"x\": 1}}");
	check_params(&w.tasks[0].env, "{\"T\": \"***\"}");
	ck_assert_str_eq(params_find(&w.tasks[0].env, "T")->value, a->value);
	/* What replaces a secret is none. */
	ck_assert_ptr_null(params_find(&w.tasks[1].parameters, "a")->secret);
	check_params(&w.tasks[1].parameters, "{\"a\": 1, \"b\": \"***\", \"c\": {\"secret\": \"A\", \"x\": 1}}");
	workflow_release(&w);

	check_wrong("parameters:\n  a: {secret: CHECK_LOAD_UNSET}\n  b: {secret: ~}\n  c: {secret: CHECK_LOAD_LATIN}\n"
	    "  d: [{secret: CHECK_LOAD_SECRET}]\n  e: {f: {secret: CHECK_LOAD_SECRET}}\n  g: {secret: a=b}\n  h: {secret: ''}\n"
	    "notebooks: [{path: a.ipynb, env: {E: {secret: CHECK_LOAD_UNSET}}}]\n",
	    "2:15: environment variable 'CHECK_LOAD_UNSET' of secret parameter 'a' is not set\n"
	    "3:15: 'secret' of parameter 'b' must be the name of an environment variable\n"
	    "4:15: environment variable 'CHECK_LOAD_LATIN' of secret parameter 'c' is not UTF-8\n"
	    "5:7: a secret inside a list or map; it must be a parameter of its own\n"
	    "6:10: a secret inside a list or map; it must be a parameter of its own\n"
	    "7:15: 'secret' of parameter 'g' must be the name of an environment variable\n"
	    "8:15: 'secret' of parameter 'h' must be the name of an environment variable\n"
	    "9:47: environment variable 'CHECK_LOAD_UNSET' of secret variable 'E' is not set\n");

	/* A secret that -p replaces need not be there. */
	load_with(&w, "parameters: {b: {secret: CHECK_LOAD_UNSET}}\nnotebooks: [a.ipynb]\n", &o);
	check_params(&w.tasks[0].parameters, "{\"b\": 1}");
	ck_assert_ptr_null(w.tasks[0].parameters.list[0].secret);
	workflow_release(&w);
}
END_TEST

START_TEST(obeys_the_command_line)
{
	static const char text[] = "processes: 2\non_error: drain\ntarget: a\ndefaults: {target: b, parameters: {x: 1}}\n"
	    "targets: {a: {type: local}, b: {type: local}, c: {type: local}}\n"
	    "notebooks: [{path: a.ipynb, parameters: {x: 2, y: 3}}, {path: b.ipynb, target: a}]\n";
	const char *const parameters[] = {"z=[1, {a: b}]", "x=", "s='a: b'", "n=1.10", "t='1.10'", "n=5",
	    "u={\"k\": \"\\ud83d\\ude00\"}", "e=a=b"};
	const char *const wrong[] = {"q", "a-b=1", "z=[", "w=#x", "k=a: b: c", "=1",
	    "m={{ x }}", "f=\"{{ x }}\"", "g=\xff", "d={a: 1, a: 2}"};
	struct overrides o = {.processes = 7, .on_error = "fail-fast", .target = "c", .parameters = (char *const *)parameters,
	    .nparameters = sizeof(parameters) / sizeof(parameters[0])};
	struct workflow w;

	load_with(&w, text, &o);
	ck_assert_uint_eq(w.processes, 7);
	ck_assert_int_eq(w.on_error, POLICY_FAIL_FAST);
	ck_assert_str_eq(w.target->name, "c");
	ck_assert_str_eq(w.tasks[0].target->name, "c");
	ck_assert_str_eq(w.tasks[1].target->name, "a");
	check_params(&w.tasks[0].parameters, "{\"x\": \"\", \"y\": 3, \"z\": [1, {\"a\": \"b\"}], \"s\": \"a: b\", \"n\": 5, "
	    "\"t\": \"1.10\", \"u\": {\"k\": \"\xf0\x9f\x98\x80\"}, \"e\": \"a=b\"}");
	check_params(&w.tasks[1].parameters, "{\"x\": \"\", \"z\": [1, {\"a\": \"b\"}], \"s\": \"a: b\", \"n\": 5, "
	    "\"t\": \"1.10\", \"u\": {\"k\": \"\xf0\x9f\x98\x80\"}, \"e\": \"a=b\"}");
	workflow_release(&w);

	o = (struct overrides){.processes = 10001, .on_error = "drian", .target = "d", .parameters = (char *const *)wrong,
	    .nparameters = sizeof(wrong) / sizeof(wrong[0])};
	check_wrong_with("notebooks: [a.ipynb]\n", &o,
	    "-: option '-p q': must be NAME=VALUE\n"
	    "-: option '-p a-b=...': parameter 'a-b' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "-: option '-p z=...': did not find expected node content; for the text as it stands, write NAME='\"...\"'\n"
	    "-: option '-p w=...': there is nothing here but white space or comments; for the text as it stands, write NAME='\"...\"'\n"
	    "-: option '-p k=...': mapping values are not allowed in this context; check the indentation, and quote text that holds ': '\n"
	    "-: option '-p =...': parameter '' cannot be a variable's name: use letters, digits and '_', with no digit first\n"
	    "-: option '-p g=...': byte 0xff is not UTF-8, which is what a workflow is written in\n"
	    "-: option '-p d=...': duplicate key 'a'; it is first at line 1; for the text as it stands, write NAME='\"...\"'\n"
	    "-: option '--target': the target is 'd', which is none of local\n"
	    "-: option '-p m=...': {{ x }}: there is no 'x'; expressions know parameters, item, matrix, env, run.id, notebook.name and notebooks\n"
	    "-: option '-p f=...': {{ x }}: there is no 'x'; expressions know parameters, item, matrix, env, run.id, "
	    "notebook.name and notebooks\n"
	    "-: option '--on-error': the policy is 'drian', which is none of let-finish, fail-fast, drain; did you mean 'drain'?\n"
	    "-: option '--processes': must be a whole number from 1 to 10000, not 10001\n");
}
END_TEST

/* Everything in one go, in the order of the file; a syntax error ends it. */
START_TEST(finds_all)
{
	check_wrong("notebooks:\n- a.txt\n- {path: b.ipynb, nam: c, threads: 1}\nprocesses: x\nwhat: 1\n",
	    "2:3: 'a.txt' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "3:19: unknown key 'nam'; did you mean 'name'?\n"
	    "4:12: 'processes' must be a whole number from 1 to 10000, not "
	    "the text 'x'\n"
	    "5:1: unknown key 'what'; a key of your own begins with x-\n");
	check_wrong("what: 1\nnotebooks: [\n",
	    "3:1: did not find expected node content\n");
}
END_TEST

START_TEST(takes_notebooks)
{
	const char *const paths[] = {"sub/a.ipynb", "/abs/b.ipynb"};
	const char *const parameters[] = {"x=.nan", "y={a: [1, ~]}", "s={secret: CHECK_LOAD_SECRET}", "t=\"\\x7f\\u2028\""};
	const struct overrides o = {.processes = 3, .on_error = "drain", .parameters = (char *const *)parameters,
	    .nparameters = 4};
	struct problems p = PROBLEMS_INIT;
	struct workflow w, again;
	struct buf expected = BUF_INIT;
	char *here = getcwd(NULL, 0);

	ck_assert_int_eq(setenv("CHECK_LOAD_SECRET", "hidden", 1), 0);
	ck_assert_int_eq(workflow_of_notebooks(&w, (char *const *)paths, 2, &o, &p), 0);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_ptr_null(w.file);
	ck_assert_ptr_null(workflow_label(&w));
	ck_assert_str_eq(w.name, "notebooks");
	ck_assert_uint_eq(w.processes, 3);
	ck_assert_str_eq(w.tasks[0].name, "a");
	ck_assert_str_eq(w.tasks[0].path, "sub/a.ipynb");
	ck_assert_str_eq(w.tasks[0].file, "sub/a.ipynb");
	ck_assert_str_eq(w.tasks[0].working_directory, "sub");
	ck_assert_str_eq(w.tasks[1].working_directory, "/abs");
	ck_assert_uint_eq(w.tasks[1].mark.line, 0);
	check_params(&w.tasks[1].parameters,
	    "{\"x\": \"NaN\", \"y\": {\"a\": [1, null]}, \"s\": \"***\", \"t\": \"\x7f\xe2\x80\xa8\"}");

	/* The copy says the same, from anywhere, and holds no secret. */
	buf_addf(&expected, "{\n \"name\": \"notebooks\",\n \"processes\": 3,\n \"on_error\": \"drain\",\n \"parameters\": {\n"
	    "  \"x\": NaN,\n  \"y\": {\"a\": [1, null]},\n  \"s\": {\"secret\": \"CHECK_LOAD_SECRET\"},\n"
	    "  \"t\": \"\x7f\xe2\x80\xa8\"\n },\n"
	    " \"notebooks\": [\n  {\"path\": \"%s/sub/a.ipynb\"},\n  {\"path\": \"/abs/b.ipynb\"}\n ]\n}\n", here);
	ck_assert_str_eq(w.text, buf_str(&expected));
	ck_assert_uint_eq(w.text_len, expected.len);
	ck_assert_int_eq(workflow_parse(&again, w.text, w.text_len, "copy.yaml", "elsewhere", &no_options, &p), 0);
	ck_assert_str_eq(again.name, w.name);
	ck_assert_uint_eq(again.processes, 3);
	ck_assert_int_eq(again.on_error, POLICY_DRAIN);
	ck_assert_uint_eq(again.tasks[0].parameters.n, 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_str_eq(again.tasks[0].parameters.list[i].value, w.tasks[0].parameters.list[i].value);
	ck_assert_str_eq(again.tasks[1].file, "/abs/b.ipynb");
	workflow_release(&again);
	workflow_release(&w);
	buf_release(&expected);
	free(here);

	ck_assert_int_eq(workflow_of_notebooks(&w, (char *const *)paths, 1, &no_options, &p), 0);
	ck_assert_str_eq(w.name, "a");
	ck_assert_uint_eq(w.processes, proc_cpus());
	workflow_release(&w);
}
END_TEST

START_TEST(refuses_notebooks)
{
	const char *const paths[] = {"a.ipynb", "sub/a.ipynb", "b.txt", ".ipynb", "c\xff/d.ipynb", "e.py"};
	const struct overrides o = {.target = "x"};
	struct problems p = PROBLEMS_INIT;
	struct workflow w;
	char *found;

	ck_assert_int_eq(workflow_of_notebooks(&w, (char *const *)paths, 6, &o, &p), -1);
	found = listed(&p, "-");
	ck_assert_str_eq(found, "-: option '--target': the target is 'x', which is none of local\n"
	    "-: 'a.ipynb' and 'sub/a.ipynb' would both be named 'a'; write a workflow file that names them\n"
	    "-: 'b.txt' is no notebook: its name must end in .ipynb, .py, .sql, .r or .scala\n"
	    "-: name '.ipynb' begins with '.'; files are named by it; a workflow file can give the notebook another by the key 'name'\n"
	    "-: 'c\xff/d.ipynb': a notebook's path must be UTF-8\n");
	free(found);
	problems_release(&p);
	workflow_release(&w);
}
END_TEST

/* Reads a file of its own folder through workflow_load; path NULL: standard input. */
START_TEST(reads_files)
{
	char folder[] = "/tmp/check_load.XXXXXX", *path, *found, *expected;
	struct problems p = PROBLEMS_INIT;
	struct buf big = BUF_INIT;
	struct workflow w;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	path = file_join(folder, "my flow.v2.yaml");
	ck_assert_int_eq(file_replace(path, "notebooks: [../a.ipynb]\r\n", 25), 0);
	ck_assert_int_eq(workflow_load(&w, path, &no_options, &p), 0);
	ck_assert_str_eq(w.name, "my flow.v2");
	ck_assert_str_eq(w.file, path);
	ck_assert_str_eq(workflow_label(&w), path);
	ck_assert_uint_eq(w.text_len, 25);
	expected = file_join(folder, "../a.ipynb");
	ck_assert_str_eq(w.tasks[0].file, expected);
	workflow_release(&w);
	free(expected);

	/* As standard input, where paths are relative to the current folder. */
	ck_assert_ptr_nonnull(freopen(path, "r", stdin));
	ck_assert_int_eq(workflow_load(&w, "-", &no_options, &p), 0);
	ck_assert_str_eq(w.name, "workflow");
	ck_assert_str_eq(w.file, "-");
	ck_assert_str_eq(workflow_label(&w), "<stdin>");
	ck_assert_str_eq(w.tasks[0].file, "../a.ipynb");
	workflow_release(&w);

	/* What cannot be read. */
	buf_fill(&big, '#', YAML_BYTES_MAX + 1);
	ck_assert_int_eq(file_replace(path, big.data, big.len), 0);
	ck_assert_int_eq(workflow_load(&w, path, &no_options, &p), -1);
	workflow_release(&w);
	found = listed(&p, path);
	ck_assert_str_eq(found, " larger than 16 MiB\n");
	free(found);
	problems_release(&p);
	ck_assert_int_eq(workflow_load(&w, folder, &no_options, &p), -1);
	workflow_release(&w);
	found = listed(&p, folder);
	ck_assert_str_eq(found, " cannot read the workflow: Is a directory\n");
	free(found);
	problems_release(&p);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(workflow_load(&w, path, &no_options, &p), -1);
	workflow_release(&w);
	found = listed(&p, path);
	ck_assert_str_eq(found, " cannot read the workflow: No such file or directory\n");
	free(found);
	problems_release(&p);

	/* A name that cannot be the run folder's. */
	free(path);
	path = file_join(folder, ".flow.yaml");
	ck_assert_int_eq(file_replace(path, "notebooks: [a.ipynb]\n", 21), 0);
	ck_assert_int_eq(workflow_load(&w, path, &no_options, &p), -1);
	workflow_release(&w);
	found = listed(&p, path);
	ck_assert_str_eq(found, " name '.flow' begins with '.'; files are named by it; give the workflow another by the key 'name'\n");
	free(found);
	problems_release(&p);
	buf_release(&big);
	free(path);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}
END_TEST

/* The seconds of CPU that n notebooks take, the first of which has n parameters. */
static double
time_notebooks(int n)
{
	struct buf text = BUF_INIT;
	struct workflow w;
	clock_t start;
	double seconds;

	buf_adds(&text, "notebooks:\n  - path: nb.ipynb\n    parameters:\n");
	for (int i = 0; i < n; i++)
		buf_addf(&text, "      p%d: {a: %d}\n", i, i);
	for (int i = 1; i < n; i++)
		buf_addf(&text, "  - {path: nb%d.ipynb, parameters: {b: %d, c: x}}\n", i, i);
	buf_adds(&text, "parameters: {a: 1, b: 2}\n");
	start = clock();
	load(&w, buf_str(&text));
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_uint_eq(w.ntasks, (size_t)n);
	ck_assert_uint_eq(w.tasks[0].parameters.n, (size_t)n + 2);
	check_params(&w.tasks[1].parameters, "{\"a\": 1, \"b\": 1, \"c\": \"x\"}");
	ck_assert_str_eq(w.tasks[n - 1].parameters.list[0].name, "a");
	workflow_release(&w);
	buf_release(&text);
	return seconds;
}

START_TEST(takes_many)
{
	/* Ten times as much may take ten times the time, but not a hundred times. */
	ck_assert_double_lt(time_notebooks(20000), 30 * time_notebooks(2000) + 0.1);
}
END_TEST

/* Values of the wrong type are said to be wrong, and nothing comes of them. */
START_TEST(refuses_other_types)
{
	check_wrong("notebooks: [{path: a.ipynb, kernel: [x], working_directory: {}, target: ~, priority: 1.5, pool: "
	    "[p], retries: x,\n"
	    "  memory_limit: true, retry_backoff: two}]\ntargets: {local: {startup_timeout_seconds: soon}}\n",
	    "1:37: 'kernel' must be text, not a list\n1:61: 'working_directory' must be text, not a map\n"
	    "1:73: 'target' has no value; write text, or leave the key out\n"
	    "1:86: 'priority' must be a whole number from -1000000 to 1000000, not 1.5\n1:97: 'pool' must be text, not "
	    "a list\n"
	    "1:111: 'retries' must be a whole number from 0 to 1000, not the text 'x'\n"
	    "2:17: 'memory_limit' must be a number of bytes, such as 2G or 500M, not true or false\n"
	    "2:38: 'retry_backoff' must be a factor of at least 1, such as 2, not the text 'two'\n"
	    "3:44: 'startup_timeout_seconds' must be a number of seconds, such as 600, not the text 'soon'\n");
}
END_TEST

/* Long texts are cut in messages, not in the middle of a character. */
START_TEST(cuts_texts)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct workflow w;

	buf_adds(&text, "notebooks: [x");
	for (int i = 0; i < 100; i++)
		buf_adds(&text, "\xc3\xa9");
	buf_adds(&text, "]\n");
	ck_assert_int_eq(workflow_parse(&w, text.data, text.len, "w", ".", &no_options, &p), -1);
	ck_assert_int_eq(strncmp(p.list[0].message + 98, "\xc3\xa9' is no notebook", 18), 0);
	problems_release(&p);
	workflow_release(&w);
	buf_release(&text);
}
END_TEST

START_TEST(limits_what_it_takes)
{
	struct problems p = PROBLEMS_INIT;
	struct buf text = BUF_INIT;
	struct workflow w;

	/* Faults are listed up to a limit. */
	buf_adds(&text, "notebooks:\n");
	for (int i = 0; i < 5000; i++)
		buf_adds(&text, "- a.ipynb\n");
	ck_assert_int_eq(workflow_parse(&w, text.data, text.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1001);
	ck_assert_uint_eq(p.list[1000].line, 0);
	ck_assert_str_eq(p.list[1000].message, "more than 1000 problems; these are the first");
	problems_release(&p);
	workflow_release(&w);

	/* Targets. */
	buf_reset(&text);
	buf_adds(&text, "notebooks: [a.ipynb]\ntargets:\n");
	for (int i = 0; i < 1001; i++)
		buf_addf(&text, "  t%d: {type: local}\n", i);
	ck_assert_int_eq(workflow_parse(&w, text.data, text.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_str_eq(p.list[0].message, "there are more than 1000 targets");
	problems_release(&p);
	workflow_release(&w);

	/* Large values that every notebook has. */
	buf_reset(&text);
	buf_adds(&text, "parameters: {a: ");
	buf_fill(&text, 'x', 1 << 20);
	buf_adds(&text, "}\nnotebooks:\n");
	for (int i = 0; i < 300; i++)
		buf_addf(&text, "- nb%d.ipynb\n", i);
	ck_assert_int_eq(workflow_parse(&w, text.data, text.len, "w", ".", &no_options, &p), -1);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_str_eq(p.list[0].message,
	    "the parameters of all notebooks up to this one take more than 256 MiB; put large data into files");
	problems_release(&p);
	workflow_release(&w);
	buf_release(&text);
}
END_TEST

START_TEST(keeps_params)
{
	const struct mark first = {1, 2}, second = {3, 4};
	struct params p = {NULL, 0, 0}, from = {NULL, 0, 0};

	check_params(&p, "{}");
	ck_assert_ptr_null(params_find(&p, "a"));
	params_merge(&p, &from);
	params_set(&p, "a", "1", NULL, first);
	params_set(&p, "b", "\"x\"", "B", first);
	params_set(&p, "a", "[NaN]", NULL, second);
	check_params(&p, "{\"a\": [\"NaN\"], \"b\": \"***\"}");
	ck_assert_uint_eq(params_find(&p, "a")->mark.line, 3);
	ck_assert_uint_eq(params_find(&p, "b")->mark.column, 2);

	/* What is set again stays where it is; the rest comes behind. */
	params_add(&from, "c", "null", NULL, second);
	params_add(&from, "b", "2", NULL, second);
	params_add(&from, "d", "\"s\"", "D", second);
	params_merge(&p, &from);
	check_params(&p, "{\"a\": [\"NaN\"], \"b\": 2, \"c\": null, \"d\": \"***\"}");
	ck_assert_ptr_null(params_find(&p, "b")->secret);
	ck_assert_uint_eq(params_find(&p, "b")->mark.line, 3);
	ck_assert_str_eq(params_find(&p, "d")->secret, "D");
	params_release(&p);
	params_release(&from);
	ck_assert_uint_eq(p.n, 0);
}
END_TEST

/* The seconds of CPU that it takes to set n values of n. */
static double
time_merge(int n)
{
	struct params p = {NULL, 0, 0}, from = {NULL, 0, 0};
	clock_t start;
	double seconds;
	char name[32];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		params_add(&p, name, "1", NULL, (struct mark){1, 1});
		snprintf(name, sizeof(name), "p%d", n - 1 - i);
		params_add(&from, name, "2", NULL, (struct mark){1, 1});
	}
	start = clock();
	params_merge(&p, &from);
	seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	ck_assert_uint_eq(p.n, (size_t)n);
	ck_assert_str_eq(p.list[0].name, "p0");
	ck_assert_str_eq(p.list[n - 1].value, "2");
	params_release(&p);
	params_release(&from);
	return seconds;
}

START_TEST(merges_many_params)
{
	ck_assert_double_lt(time_merge(50000), 30 * time_merge(5000) + 0.1);
}
END_TEST

START_TEST(names_policies)
{
	enum policy policy = POLICY_DRAIN;

	for (int i = POLICY_LET_FINISH; i <= POLICY_DRAIN; i++) {
		ck_assert(policy_parse(policy_name((enum policy)i), &policy));
		ck_assert_int_eq(policy, i);
	}
	ck_assert(!policy_parse("Drain", &policy));
	ck_assert(!policy_parse("", &policy));
	ck_assert_int_eq(policy, POLICY_DRAIN);
	ck_assert_str_eq(policy_name(POLICY_FAIL_FAST), "fail-fast");
}
END_TEST

START_TEST(guesses)
{
	static const struct {
		const char *word, *guess;
	} samples[] = {
		{"alpha", "alpha"}, {"alhpa", "alpha"}, {"alph", "alpha"}, {"lpha", "alpha"}, {"alppha", "alpha"},
		{"Alpha", "alpha"}, {"ALpha", NULL}, {"alphabet", NULL}, {"bet", "be"}, {"beta", NULL}, {"eb", "be"},
		{"e", NULL}, {"", NULL}, {"gamma", "gamma_ray"}, {"gamm", "gamma_ray"}, {"gamma_rs", "gamma_ray"}, {"gam", NULL}, {"gmama-ray", "gamma_ray"},
		{"gmama-rya", NULL},
	};
	static const char *const known[] = {"alpha", "be", "gamma_ray"};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct guess g = {.word = samples[i].word};

		for (size_t k = 0; k < 3; k++)
			guess_consider(&g, known[k]);
		if (g.best == NULL || samples[i].guess == NULL)
			ck_assert_ptr_eq(g.best, samples[i].guess);
		else
			ck_assert_str_eq(g.best, samples[i].guess);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("load");
	TCase *tc = tcase_create("load");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, fills_in_defaults);
	tcase_add_test(tc, reads_everything);
	tcase_add_test(tc, reads_in_any_order);
	tcase_add_test(tc, refuses_wrong_types);
	tcase_add_test(tc, refuses_unknown_keys);
	tcase_add_test(tc, refuses_values_of_other_kinds);
	tcase_add_test(tc, reads_hooks);
	tcase_add_test(tc, refuses_hooks);
	tcase_add_test(tc, reads_limits);
	tcase_add_loop_test(tc, reads_bytes, 0, (int)(sizeof(sizes) / sizeof(sizes[0])));
	tcase_add_test(tc, reads_policies);
	tcase_add_loop_test(tc, refuses_shares, 0, 10);
	tcase_add_test(tc, reads_retries);
	tcase_add_test(tc, knows_whose_keys_are_whose);
	tcase_add_test(tc, names_words);
	tcase_add_test(tc, finds_parts_of_paths);
	tcase_add_test(tc, checks_names);
	tcase_add_test(tc, checks_targets);
	tcase_add_test(tc, checks_parameters);
	tcase_add_test(tc, reads_secrets);
	tcase_add_test(tc, obeys_the_command_line);
	tcase_add_test(tc, finds_all);
	tcase_add_test(tc, takes_notebooks);
	tcase_add_test(tc, refuses_notebooks);
	tcase_add_test(tc, reads_files);
	tcase_add_test(tc, takes_many);
	tcase_add_test(tc, refuses_other_types);
	tcase_add_test(tc, cuts_texts);
	tcase_add_test(tc, limits_what_it_takes);
	tcase_add_test(tc, keeps_params);
	tcase_add_test(tc, merges_many_params);
	tcase_add_test(tc, names_policies);
	tcase_add_test(tc, guesses);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
