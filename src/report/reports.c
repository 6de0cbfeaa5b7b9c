#include "report/reports.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/guard.h"
#include "base/log.h"
#include "report/junit.h"
#include "report/trace.h"

static void
put_trace(const struct story_run *run, const char *folder, struct buf *b)
{
	(void)folder;
	trace_put(run, b);
}

static const struct {
	const char *option;
	enum guard_form form;
	void (*put)(const struct story_run *run, const char *folder, struct buf *b);
} kinds[] = {
	[REPORT_JUNIT] = {"--junit", GUARD_XML, junit_put},
	[REPORT_TRACE] = {"--trace", GUARD_JSON, put_trace},
};

const char *
report_option(enum report r)
{
	return kinds[r].option;
}

bool
reports_wanted(const struct reports *r)
{
	for (int i = 0; i < REPORTS; i++)
		if (r->files[i] != NULL)
			return true;
	return false;
}

static bool
is_standard(const char *file)
{
	return strcmp(file, "-") == 0;
}

unsigned
reports_to_standard(const struct reports *r)
{
	unsigned n = 0;

	for (int i = 0; i < REPORTS; i++)
		n += r->files[i] != NULL && is_standard(r->files[i]);
	return n;
}

int
reports_check(const struct reports *r, const char **what)
{
	for (int i = 0; i < REPORTS; i++) {
		if (r->files[i] == NULL || is_standard(r->files[i]))
			continue;
		*what = r->files[i];
		if (file_check(r->files[i]) == -1)
			return -1;
	}
	return 0;
}

int
reports_write(const struct reports *r, const struct story_run *run, const char *folder, bool standard)
{
	int result = 0;

	for (int i = 0; i < REPORTS; i++) {
		struct buf b = BUF_INIT;
		int done, error;

		if (r->files[i] == NULL || is_standard(r->files[i]) != standard)
			continue;
		kinds[i].put(run, folder, &b);
		if (standard)
			guard_lines(&b, kinds[i].form);
		done = standard ? file_write_full(STDOUT_FILENO, b.data, b.len) : file_replace(r->files[i], b.data, b.len);
		error = errno;
		if (done == -1 && !standard)
			log_error("cannot write '%s': %s", r->files[i], strerror(error));
		buf_release(&b);
		errno = error;
		if (done == -1)
			result = -1;
	}
	return result;
}
