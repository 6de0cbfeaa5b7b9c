#include "databricks/bearer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "databricks/http_try.h"
#include "databricks/oauth.h"

#define WHY_BYTES 1024
#define STEP (20 * NSEC_PER_MSEC)	/* between looks at a fetch that another worker makes */
#define RETRY_APART (10 * NSEC_PER_SEC)	/* from a fetch that failed to the next, while the token is still good */

/*
 * Two locks: the one of the data is held for moments, the one of the fetch for as long as a fetch takes. Both are
 * tried, never waited for, because a wait for a lock is not ended by a signal.
 */
struct bearer {
	pthread_mutex_t data, fetch;
	atomic_bool writing;	/* set while what follows is not whole: its writer may be killed in between */
	int64_t expires;	/* wall clock */
	int64_t renew;	/* wall clock: from then on another one is to be fetched */
	int64_t failed_at;	/* run clock; 0: the last fetch did not fail */
	uint64_t failures;	/* fetches that did */
	int failure;	/* BEARER_, of the last one */
	char text[BEARER_BYTES_MAX + 1];	/* "": none yet */
	char management[BEARER_BYTES_MAX + 1];	/* "": none */
	char why[WHY_BYTES];	/* of the last failure */
};

/* What a worker sees of it at a time. */
struct view {
	bool usable;	/* there is one, it has not expired, and it is not the refused one */
	bool fresh;	/* and need not be renewed yet */
	bool rest;	/* a fetch has failed a moment ago */
	uint64_t failures;
};

static int
make_lock(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	int rc = pthread_mutexattr_init(&a);

	if (rc != 0)
		return rc;
	rc = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (rc == 0)
		rc = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (rc == 0)
		rc = pthread_mutex_init(m, &a);
	pthread_mutexattr_destroy(&a);
	return rc;
}

struct bearer *
bearer_new(void)
{
	struct bearer *b = mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (b == MAP_FAILED)
		return NULL;
	rc = make_lock(&b->data);
	if (rc == 0)
		rc = make_lock(&b->fetch);
	if (rc != 0) {
		munmap(b, sizeof(*b));
		errno = rc;
		return NULL;
	}
	(void)madvise(b, sizeof(*b), MADV_DONTDUMP);
	(void)mlock(b, sizeof(*b));	/* where the limits allow no more it may be swapped out, as everything else */
	return b;
}

void
bearer_free(struct bearer *b)
{
	if (b == NULL)
		return;
	explicit_bzero(b->text, sizeof(b->text));
	explicit_bzero(b->management, sizeof(b->management));
	munmap(b, sizeof(*b));
}

/* Whether the lock was had; also from one who died with it. */
static bool
try_lock(pthread_mutex_t *m)
{
	int rc = pthread_mutex_trylock(m);

	if (rc == EOWNERDEAD)
		rc = pthread_mutex_consistent(m);
	else if (rc != 0 && rc != EBUSY)
		log_fatal("cannot lock what the workers share: %s", strerror(rc));
	return rc == 0;
}

/* Returns false when it was stopped. */
static bool
lock_data(struct bearer *b, struct http *h)
{
	while (!try_lock(&b->data))
		if (!http_sleep(h, clock_run() + NSEC_PER_MSEC))
			return false;
	if (b->writing) {
		/* The writer was killed in the middle. */
		explicit_bzero(b->text, sizeof(b->text));
		explicit_bzero(b->management, sizeof(b->management));
		b->why[0] = '\0';
		b->failed_at = 0;
		b->writing = false;
	}
	return true;
}

/* "Bearer " is no part of what is kept. */
static bool
is_refused(const struct bearer *b, const char *refused)
{
	const char *value = refused != NULL ? strchr(refused, ' ') : NULL;

	return value != NULL && strcmp(value + 1, b->text) == 0;
}

/* Looks; appends the values to out and management (may be NULL) when it is usable. Returns false when it was stopped. */
static bool
look(struct bearer *b, struct http *h, const char *refused, struct view *v, struct buf *out, struct buf *management)
{
	int64_t now = clock_wall();

	if (!lock_data(b, h))
		return false;
	v->usable = b->text[0] != '\0' && now < b->expires && !is_refused(b, refused);
	v->fresh = v->usable && now < b->renew;
	v->rest = b->failed_at != 0 && clock_run() - b->failed_at < RETRY_APART;
	v->failures = b->failures;
	if (v->usable && out != NULL)
		buf_addf(out, "Bearer %s", b->text);
	if (v->usable && management != NULL)
		buf_adds(management, b->management);
	pthread_mutex_unlock(&b->data);
	return true;
}

/* Returns false when it was stopped. */
static bool
store(struct bearer *b, struct http *h, const struct token *t, int failure, const char *why)
{
	int64_t now = clock_wall(), lead = BEARER_LEAD / 1000;

	if (!lock_data(b, h))
		return false;
	atomic_store(&b->writing, true);
	if (t != NULL) {
		snprintf(b->text, sizeof(b->text), "%s", t->text);
		snprintf(b->management, sizeof(b->management), "%s", t->management != NULL ? t->management : "");
		if (t->expires != INT64_MAX && (t->expires - now) / 4 < lead)
			lead = (t->expires - now) / 4;
		b->expires = t->expires;
		b->renew = t->expires == INT64_MAX ? INT64_MAX : t->expires - lead;
		b->failed_at = 0;
	} else {
		b->failures++;
		b->failure = failure;
		b->failed_at = clock_run();
		snprintf(b->why, sizeof(b->why), "%s", why);
	}
	atomic_store(&b->writing, false);
	pthread_mutex_unlock(&b->data);
	return true;
}

/* With the lock of the fetch. Returns 0; or one of BEARER_ with *why. */
static int
fetch(struct bearer *b, const struct login *l, struct http *h, char **why)
{
	struct token t;
	int rc = oauth_fetch(l, h, &t, why);

	if (rc != 0) {
		/* That this worker was told to stop is no failure of the others'. */
		if (!http_stopping(h))
			(void)store(b, h, NULL, rc, *why);
		return rc;
	}
	(void)store(b, h, &t, 0, NULL);
	log_debug("a new access token: %s", login_method_name(l->method));
	token_release(&t);
	return 0;
}

/*
 * With the lock of the fetch, which has taken a while to get: somebody may have been faster, or have failed. Returns
 * 0 when it is worth another look; or -1 with *why.
 */
static int
fetch_in_turn(struct bearer *b, const struct login *l, struct http *h, const char *refused, uint64_t failures,
    char **why)
{
	struct view v;
	int rc;

	if (!look(b, h, refused, &v, NULL, NULL))
		return BEARER_REFUSED;
	if (v.fresh || (!v.usable && v.failures != failures))
		return 0;
	rc = fetch(b, l, h, why);
	if (rc != 0) {
		if (!v.usable)
			return rc;
		free(*why);
		*why = NULL;
		return 0;
	}
	if (look(b, h, refused, &v, NULL, NULL) && !v.usable) {
		*why = xasprintf("the new token (%s) has expired already, or is the one that the workspace refuses",
		    login_method_name(l->method));
		return BEARER_REFUSED;
	}
	return 0;
}

static int
fetched_header(struct bearer *b, const struct login *l, struct http *h, const char *refused, struct buf *out,
    struct buf *management, char **why)
{
	size_t before = out->len, managed = management != NULL ? management->len : 0;
	uint64_t failures = 0;
	bool mine = false;	/* the lock of the fetch was had, and what could be done has been */
	struct view v;
	int rc = BEARER_REFUSED;

	for (bool first = true;; first = false) {
		buf_truncate(out, before);
		if (management != NULL)
			buf_truncate(management, managed);
		if (!look(b, h, refused, &v, out, management))
			break;
		if (first)
			failures = v.failures;
		if (v.fresh || (v.usable && (v.rest || mine)))
			return 0;
		if (!v.usable && v.failures != failures) {
			if (!lock_data(b, h))
				break;
			*why = xstrdup(b->why);
			rc = b->failure;
			pthread_mutex_unlock(&b->data);
			break;
		}
		if (try_lock(&b->fetch)) {
			rc = fetch_in_turn(b, l, h, refused, failures, why);
			pthread_mutex_unlock(&b->fetch);
			if (rc != 0)
				break;
			mine = true;
			rc = BEARER_REFUSED;
		} else if (v.usable) {
			return 0;
		} else if (!http_sleep(h, clock_run() + STEP)) {
			break;
		}
	}
	buf_truncate(out, before);
	if (management != NULL)
		buf_truncate(management, managed);
	if (*why == NULL)
		*why = xstrdup("stopped");
	return rc;
}

int
bearer_header(struct bearer *b, const struct login *l, struct http *h, const char *refused, struct buf *out,
    struct buf *management, char **why)
{
	*why = NULL;
	switch (l->method) {
	case LOGIN_PAT:
	case LOGIN_BASIC:
		if (refused != NULL) {
			*why = xasprintf("the workspace takes no login by this %s",
			    l->method == LOGIN_PAT ? "token" : "password");
			return BEARER_REFUSED;
		}
		if (l->method == LOGIN_PAT)
			buf_addf(out, "Bearer %s", l->token);
		else
			oauth_put_basic(out, l->username, l->password);
		return 0;
	default:
		return fetched_header(b, l, h, refused, out, management, why);
	}
}
