/*
 * The access token that requests carry: fetched by one worker for all, kept in memory they share, and fetched anew
 * before it expires.
 *
 * The store is made in the parent before the first fork, like the limiter (limiter.h): fixed size, MAP_SHARED |
 * MAP_ANONYMOUS, MADV_DONTDUMP and mlock'ed where that is allowed. A robust process-shared mutex
 * (PTHREAD_MUTEX_ROBUST) makes that one worker fetches while others wait, or go on with the token that is there as
 * long as it is good, and that one which is killed meanwhile stops nobody. Those who have waited for a fetch that
 * fails fail with it.
 */
#ifndef NBFORK_DATABRICKS_BEARER_H
#define NBFORK_DATABRICKS_BEARER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "databricks/login.h"

#define BEARER_BYTES_MAX 16384	/* of a token */
/*
 * Nanoseconds before its end when a token is fetched anew; of one that lives for a short time, a quarter of that.
 */
#define BEARER_LEAD (120 * INT64_C(1000000000))

struct bearer;

/* Why there is no header. */
enum {
	BEARER_REFUSED = -1,	/* the login is not good, or it was stopped */
	BEARER_LATER = -2,	/* nobody has answered, or only that it is busy: it may go well another time */
};

/* NULL with errno. */
struct bearer *bearer_new(void);
void bearer_free(struct bearer *b);

struct http;

/*
 * Appends to out the value of the Authorization header ("Bearer ..." or "Basic ...") for a request of this worker,
 * having fetched a token when there is none, when it is about to expire, or when refused is the value that the
 * workspace has just answered 401 to (NULL otherwise) and nobody has fetched another one since. By method:
 *	pat, basic	as they are; refused is then an error;
 *	others		as oauth.h says.
 * To management, which may be NULL, it appends the value of X-Databricks-Azure-SP-Management-Token where there is
 * one. Returns 0; or one of BEARER_ with *why, the caller's to free, without any secret in it; also when the stop flag
 * of h is set.
 */
int bearer_header(struct bearer *b, const struct login *l, struct http *h, const char *refused, struct buf *out,
    struct buf *management, char **why);

#endif
