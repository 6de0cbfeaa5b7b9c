/*
 * Fuzzes the journal that --resume reads. Whatever its bytes are: what comes of it must be JSON, agree with itself, be
 * made of whole lines, and be the same when it is read again without the rest of a line at its end.
 *
 *	make fuzz
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "past.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json
parse(const char *text)
{
	struct json v;

	assert(text != NULL && strchr(text, '\n') == NULL);
	assert(json_parse(text, strlen(text), &v, NULL) == 0);
	return v;
}

static void
check_digest(const char *digest)
{
	assert(strspn(digest, "0123456789abcdef") == strlen(digest));
	assert(strlen(digest) == 0 || strlen(digest) == DIGEST_TEXT - 1);
}

static void
check_notebook(const struct past_notebook *n)
{
	struct json_iter it;
	struct json earlier = parse(n->earlier_attempts), v;

	assert(json_type(earlier) == JSON_ARRAY);
	json_walk(&it, earlier);
	while (json_next(&it, NULL, &v))
		assert(json_type(v) == JSON_OBJECT);
	check_digest(n->inputs.notebook);
	check_digest(n->inputs.parameters);
	check_digest(n->inputs.kernel);
	check_digest(n->inputs.upstream);
	assert((n->success == NULL) == (n->run_id == NULL));
	if (n->success != NULL) {
		v = parse(n->success);
		assert(json_type(v) == JSON_OBJECT && json_is(json_get(v, "status"), "succeeded"));
		assert(!n->failed);
	} else {
		assert(inputs_difference(&n->inputs, &n->inputs) != NULL);
	}
}

static void
check_same(const struct past_notebook *a, const struct past_notebook *b)
{
	assert(strcmp(a->name, b->name) == 0 && a->attempts == b->attempts && a->failed == b->failed);
	assert((a->success == NULL) == (b->success == NULL));
	assert(a->success == NULL || strcmp(a->success, b->success) == 0);
	assert(strcmp(a->earlier_attempts, b->earlier_attempts) == 0);
}

static void
check_again(const struct past *p, int fd)
{
	struct past again = PAST_INIT;

	assert(ftruncate(fd, p->size) == 0);
	assert(past_read(&again, fd) == 0);
	assert(again.n == p->n && again.size == p->size && again.finished == p->finished);
	assert(strcmp(again.run_id, p->run_id) == 0 && strcmp(again.name, p->name) == 0);
	for (size_t i = 0; i < p->n; i++)
		check_same(p->list[i], again.list[i]);
	past_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct past p = PAST_INIT;
	int fd = memfd_create("events.jsonl", MFD_CLOEXEC);

	assert(fd != -1 && file_write_full(fd, data, size) == 0);
	if (past_read(&p, fd) == 0) {
		assert(p.run_id != NULL && p.name != NULL);
		assert(p.size > 0 && (size_t)p.size <= size && data[p.size - 1] == '\n');
		assert(memchr(data + p.size, '\n', size - (size_t)p.size) == NULL);
		for (size_t i = 0; i < p.n; i++) {
			assert(past_find(&p, p.list[i]->name) == p.list[i]);
			check_notebook(p.list[i]);
		}
		check_again(&p, fd);
	} else {
		assert(errno == ENODATA && p.n == 0 && p.run_id == NULL);
	}
	past_release(&p);
	close(fd);
	return 0;
}
