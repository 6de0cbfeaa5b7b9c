#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "keep.h"
#include "made_run.h"

static const struct mark nowhere = {0, 0};

static char folder[64];
static struct made made;
static struct past past;
static struct keeper keeper;

/* What the journal knows of a notebook that succeeded with these inputs. */
static struct past_notebook *
add_past(size_t i, const struct inputs *in)
{
	const char *name = made.workflow.tasks[i].name;
	struct past_notebook *p = xcalloc(1, sizeof(*p));

	p->name = xstrdup(name);
	p->attempts = 3;
	p->success = xasprintf("{\"name\": \"%s\", \"status\": \"succeeded\", \"result\": {\"n\":  1.50}, \"values\": {\"k\":  1}, "
	    "\"cells\": {\"total\": 9, \"executed\": 8}}", name);
	p->run_id = xstrdup("run-1");
	p->earlier_attempts = xstrdup("[]");
	p->inputs = *in;
	p->order = past.n + 1;
	past.list = xgrow(past.list, past.n, &past.cap, sizeof(struct past_notebook *));
	past.list[past.n++] = p;
	*table_at(&past.names, name, strlen(name)) = p;
	return p;
}

static void
write_copy(size_t i)
{
	char *path = xasprintf("%s/notebooks/%s.ipynb", folder, made.workflow.tasks[i].name);

	ck_assert_int_eq(file_replace(path, "{}", 2), 0);
	free(path);
}

/* Notebook b depends on a; both are files in the folder, and have run before. */
static void
setup(void)
{
	char *path;

	snprintf(folder, sizeof(folder), "/tmp/check-keep-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	path = file_join(folder, "notebooks");
	ck_assert_int_eq(mkdir(path, 0755), 0);
	free(path);
	made_init(&made, 2);
	made_depends(&made, 1, 0);
	made_set(&made.run.folder, folder);
	for (size_t i = 0; i < 2; i++) {
		made.workflow.tasks[i].file = xasprintf("%s/%zu.ipynb", folder, i);
		ck_assert_int_eq(file_replace(made.workflow.tasks[i].file, "text", 4), 0);
		write_copy(i);
	}
	past = (struct past)PAST_INIT;
	keeper = (struct keeper)KEEPER_INIT(&past);
}

static void
teardown(void)
{
	keeper_release(&keeper);
	past_release(&past);
	for (size_t i = 0; i < 2; i++)
		free(made.workflow.tasks[i].file);
	made_release(&made);
	ck_assert_int_eq(file_remove_tree(folder), 0);
}

static struct inputs
inputs_of(size_t i)
{
	struct inputs in;

	memset(&in, 'x', sizeof(in));
	keeper_inputs(&keeper, &made.workflow.tasks[i], &made.run, &in);
	return in;
}

/* What has changed since. */
static const char *
difference(const struct inputs *before, size_t i)
{
	struct inputs now = inputs_of(i);

	return inputs_difference(before, &now);
}

START_TEST(inputs)
{
	struct task *t = &made.workflow.tasks[0];
	struct inputs before = inputs_of(0);

	ck_assert_uint_eq(strlen(before.notebook), DIGEST_TEXT - 1);
	ck_assert_uint_eq(strlen(before.parameters), DIGEST_TEXT - 1);
	ck_assert_uint_eq(strlen(before.kernel), DIGEST_TEXT - 1);
	ck_assert_uint_eq(strlen(before.upstream), DIGEST_TEXT - 1);
	ck_assert_ptr_null(difference(&before, 0));

	params_set(&t->parameters, "a", "{\"x\": 1, \"y\": [true]}", NULL, nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");
	before = inputs_of(0);
	/* The same, written otherwise. */
	params_set(&t->parameters, "a", "{\"y\":[true],\"x\":1}", NULL, (struct mark){7, 7});
	ck_assert_ptr_null(difference(&before, 0));
	params_set(&t->parameters, "a", "{\"y\":[true],\"x\":\"1\"}", NULL, nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");

	/* In whichever order; but of another name. */
	params_set(&t->parameters, "b", "2", NULL, nowhere);
	before = inputs_of(0);
	params_release(&t->parameters);
	params_set(&t->parameters, "b", "2", NULL, nowhere);
	params_set(&t->parameters, "a", "{\"y\":[true],\"x\":\"1\"}", NULL, nowhere);
	ck_assert_ptr_null(difference(&before, 0));
	params_release(&t->parameters);
	params_set(&t->parameters, "c", "2", NULL, nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");

	/* A variable of the environment is no parameter. */
	before = inputs_of(0);
	params_release(&t->parameters);
	params_set(&t->env, "c", "2", NULL, nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");
}
END_TEST

/* A secret is the variable that it is in, and what that holds may change. */
START_TEST(secrets)
{
	struct task *t = &made.workflow.tasks[0];
	struct inputs before;

	params_set(&t->parameters, "s", "\"hunter2\"", "A", nowhere);
	before = inputs_of(0);
	params_set(&t->parameters, "s", "\"hunter3\"", "A", nowhere);
	ck_assert_ptr_null(difference(&before, 0));
	params_set(&t->parameters, "s", "\"hunter3\"", "B", nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");
	before = inputs_of(0);
	params_set(&t->parameters, "s", "\"hunter3\"", NULL, nowhere);
	ck_assert_str_eq(difference(&before, 0), "its parameters");
}
END_TEST

START_TEST(kernels)
{
	struct task *t = &made.workflow.tasks[0];
	struct inputs before = inputs_of(0);

	made_set(&made.target.kernel, "ir");
	ck_assert_str_eq(difference(&before, 0), "its kernel");
	before = inputs_of(0);
	/* The same one, named by the notebook. */
	made_set(&t->kernel, "ir");
	ck_assert_ptr_null(difference(&before, 0));
	made_set(&made.target.kernel, "other");
	ck_assert_ptr_null(difference(&before, 0));
	made_set(&made.target.name, "far");
	ck_assert_str_eq(difference(&before, 0), "its kernel");
	made_set(&t->kernel, NULL);
	made_set(&made.target.kernel, NULL);
}
END_TEST

/* A file that is written anew is read anew; one that cannot be read is never the same. */
START_TEST(files)
{
	struct task *t = &made.workflow.tasks[0];
	struct timespec times[2];
	struct stat st;
	struct inputs before = inputs_of(0);

	ck_assert_int_eq(file_replace(t->file, "text", 4), 0);
	ck_assert_ptr_null(difference(&before, 0));
	ck_assert_int_eq(file_replace(t->file, "texs", 4), 0);	/* of the same length, maybe in the same moment */
	ck_assert_str_eq(difference(&before, 0), "the notebook");
	ck_assert_int_eq(file_replace(t->file, "text", 4), 0);
	ck_assert_ptr_null(difference(&before, 0));
	/* Another file with the same time, as copies that keep it have. */
	ck_assert_int_eq(stat(t->file, &st), 0);
	ck_assert_int_eq(file_replace(t->file, "texu", 4), 0);
	times[0] = times[1] = st.st_mtim;
	ck_assert_int_eq(utimensat(AT_FDCWD, t->file, times, 0), 0);
	ck_assert_str_eq(difference(&before, 0), "the notebook");
	ck_assert_int_eq(unlink(t->file), 0);
	ck_assert_str_eq(inputs_of(0).notebook, "");
	ck_assert_str_eq(difference(&before, 0), "the notebook");
	before = inputs_of(0);
	ck_assert_str_eq(difference(&before, 0), "the notebook");
}
END_TEST

START_TEST(upstream)
{
	struct inputs before;
	struct record *a = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);

	before = inputs_of(1);
	ck_assert_ptr_null(difference(&before, 1));
	made_set(&a->result, "1");
	ck_assert_str_eq(difference(&before, 1), "a result that it depends on");
	before = inputs_of(1);
	a->status = STATUS_FAILED;
	ck_assert_str_eq(difference(&before, 1), "a result that it depends on");
	a->status = STATUS_SUCCEEDED;
	ck_assert_ptr_null(difference(&before, 1));
	made_set(&made.workflow.tasks[0].name, "other");
	ck_assert_str_eq(difference(&before, 1), "a result that it depends on");
	/* A notebook that nothing depends on any more. */
	made.workflow.tasks[1].ndepends_on = 0;
	ck_assert_str_eq(difference(&before, 1), "a result that it depends on");
}
END_TEST

START_TEST(upstream_values)
{
	struct record *a = made_ran(&made, 0, STATUS_SUCCEEDED, 1, NULL);
	struct inputs before = inputs_of(1);

	made_set(&a->values, "{\"k\": 1}");
	ck_assert_str_eq(difference(&before, 1), "a result that it depends on");
}
END_TEST

/* ---- The decision ---- */

/* a was kept; b ran on it, and on these inputs. */
static struct past_notebook *
b_of_the_past(struct inputs *now)
{
	struct inputs in = inputs_of(0);
	struct record *a = &made.run.records[0];
	struct past_notebook *b;

	add_past(0, &in);
	ck_assert(keeper_keeps(&keeper, a, &made.run, &in));
	a->state = RECORD_DONE;
	*now = inputs_of(1);
	b = add_past(1, now);
	return b;
}

START_TEST(keeps)
{
	struct record *r = &made.run.records[1];
	struct inputs now;

	b_of_the_past(&now);
	made_set(&r->again_because, "its kernel changed");
	ck_assert(keeper_keeps(&keeper, r, &made.run, &now));
	ck_assert_int_eq(r->status, STATUS_SUCCEEDED);
	ck_assert_str_eq(r->kept, past.list[1]->success);
	ck_assert_str_eq(r->kept_from, "run-1");
	ck_assert_uint_eq(r->attempts, 3);
	ck_assert(r->has_output);
	ck_assert_uint_eq(r->cells_total, 9);
	ck_assert_uint_eq(r->cells_executed, 8);
	ck_assert_str_eq(r->result, "{\"n\": 1.50}");
	ck_assert_str_eq(r->values, "{\"k\": 1}");
	ck_assert_ptr_null(r->again_because);
}
END_TEST

START_TEST(keeps_one_without_a_result)
{
	struct inputs now = inputs_of(0);
	struct record *r = &made.run.records[0];
	struct past_notebook *a = add_past(0, &now);

	made_set(&a->success, "{\"result\": null, \"cells\": {\"total\": -1, \"executed\": \"x\"}}");
	ck_assert(keeper_keeps(&keeper, r, &made.run, &now));
	ck_assert_ptr_null(r->result);
	ck_assert_uint_eq(r->cells_total, 0);
	ck_assert_uint_eq(r->cells_executed, 0);
}
END_TEST

START_TEST(knows_no_success)
{
	struct inputs now = inputs_of(0);
	struct record *r = &made.run.records[0];
	struct keeper none = KEEPER_INIT(NULL);
	struct past_notebook *a;

	ck_assert(!keeper_keeps(&none, r, &made.run, &now));
	ck_assert(!keeper_keeps(&keeper, r, &made.run, &now));
	a = add_past(0, &now);
	made_set(&a->success, NULL);
	ck_assert(!keeper_keeps(&keeper, r, &made.run, &now));
	/* There is nothing to be said: it has never succeeded. */
	ck_assert_ptr_null(r->again_because);
	ck_assert_ptr_null(r->kept);
	keeper_release(&none);
}
END_TEST

static void
expect_again(const struct inputs *now, const char *why)
{
	struct record *r = &made.run.records[1];

	ck_assert(!keeper_keeps(&keeper, r, &made.run, now));
	ck_assert_str_eq(r->again_because, why);
	ck_assert_ptr_null(r->kept);
	ck_assert_ptr_null(r->result);
}

START_TEST(says_what_changed)
{
	struct task *t = &made.workflow.tasks[1];
	struct past_notebook *b;
	struct inputs now;
	char *copy = xasprintf("%s/notebooks/b.ipynb", folder);

	b = b_of_the_past(&now);
	params_set(&t->parameters, "a", "1", NULL, nowhere);
	now = inputs_of(1);
	expect_again(&now, "its parameters changed");
	params_release(&t->parameters);
	now = inputs_of(1);
	/* A digest that the journal does not have. */
	b->inputs.kernel[0] = '\0';
	expect_again(&now, "its kernel changed");
	b->inputs = now;
	ck_assert_int_eq(unlink(copy), 0);
	expect_again(&now, "its executed copy is gone");
	write_copy(1);
	ck_assert(keeper_keeps(&keeper, &made.run.records[1], &made.run, &now));
	free(copy);
}
END_TEST

/* What one above has written may be what it reads: when that ran again and succeeded, so does it. */
START_TEST(one_above_ran_again)
{
	struct record *a = &made.run.records[0];
	struct inputs now;

	b_of_the_past(&now);
	made_set(&a->kept, NULL);
	expect_again(&now, "'a', on which it depends, runs again");
	/* When it was tried and failed as before, too: what is there for a failure is to see each one. */
	a->status = STATUS_FAILED;
	a->tries = 1;
	now = inputs_of(1);
	past.list[1]->inputs = now;
	expect_again(&now, "'a', on which it depends, runs again");
	/* When it was not tried, its other status counts; the same one as before leaves b as it was. */
	a->tries = 0;
	ck_assert(keeper_keeps(&keeper, &made.run.records[1], &made.run, &now));
}
END_TEST

/* The one above was kept, but from a run since: this one did not see what that has written. */
START_TEST(one_above_is_newer)
{
	struct inputs now;

	b_of_the_past(&now);
	past.list[0]->started = past.list[1]->order + 1;
	expect_again(&now, "'a', on which it depends, has run since");
	past.list[1]->order += 2;
	ck_assert(keeper_keeps(&keeper, &made.run.records[1], &made.run, &now));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("keep");
	TCase *tc = tcase_create("keep");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, inputs);
	tcase_add_test(tc, secrets);
	tcase_add_test(tc, kernels);
	tcase_add_test(tc, files);
	tcase_add_test(tc, upstream);
	tcase_add_test(tc, upstream_values);
	tcase_add_test(tc, keeps);
	tcase_add_test(tc, keeps_one_without_a_result);
	tcase_add_test(tc, knows_no_success);
	tcase_add_test(tc, says_what_changed);
	tcase_add_test(tc, one_above_ran_again);
	tcase_add_test(tc, one_above_is_newer);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
