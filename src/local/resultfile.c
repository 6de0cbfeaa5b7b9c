#include "local/resultfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "local/nesting.h"

#define RESULT_BYTES ((size_t)8 * 1024 * 1024)	/* as it is written; what it comes to is limited by the worker */

char *
resultfile_path(const struct attempt *a)
{
	return xasprintf("%s/result", a->folder);
}

static const char *
reason(int error)
{
	switch (error) {
	case EFBIG:
		return "it is too large";
	case EINVAL:
		return "it is no regular file";
	default:
		return strerror(error);
	}
}

int
resultfile_read(const struct attempt *a, struct buf *text, struct json *value, char **why)
{
	char *path = resultfile_path(a);
	int read = file_read_regular(path, text, RESULT_BYTES);
	struct json_error e;

	*value = JSON_NOTHING;
	free(path);
	if (read == -1 && errno == ENOENT)
		return 0;
	if (read == -1) {
		*why = xasprintf("cannot read the file that " RESULTFILE_VARIABLE " names: %s", reason(errno));
		return -1;
	}
	/* Opened and not written to: there is nothing to hand back. */
	if (text->len == 0)
		return 0;
	if (json_parse(text->data, text->len, value, &e) == -1) {
		*why = xasprintf("the file that " RESULTFILE_VARIABLE " names must hold one value of JSON: line %u, column %u: %s",
		    e.line, e.column, e.message);
		return -1;
	}
	if (!nesting_is_fine(*value)) {
		*value = JSON_NOTHING;
		*why = xstrdup("what the file that " RESULTFILE_VARIABLE " names holds is nested too deeply");
		return -1;
	}
	return 0;
}
