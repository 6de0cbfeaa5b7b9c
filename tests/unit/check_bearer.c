#include "httptest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "databricks/oauth.h"

#define SECRET "s3cr&t+value"
#define TOKEN_REQUESTS 0	/* places in counts */
#define METADATA_REQUESTS 1

/* How the server is to behave, and what came; shared with it. */
static struct {
	atomic_int counts[2];
	atomic_int life;	/* seconds, of a token */
	atomic_int status;	/* of the token endpoint */
	atomic_int delay;	/* milliseconds before it answers */
	atomic_bool same;	/* always the same token */
	atomic_bool metadata;	/* the workspace says where tokens are to be had */
	atomic_int port;
	char request[4096];	/* the last one for a token */
} *given;

static struct login login;
static struct limiter *limiter;
static struct bearer *bearer;
static struct http *h;
static volatile sig_atomic_t stop;

static bool
serve(struct request *r)
{
	char *body = NULL;

	if (strncmp(r->text, "GET /oidc/.well-known/", 22) == 0) {
		given->counts[METADATA_REQUESTS]++;
		body = xasprintf("{\"token_endpoint\": \"http://127.0.0.1:%d/other/token\"}", given->port);
		answer(r, given->metadata ? 200 : 404, "", given->metadata ? body : "");
	} else if (strncmp(r->text, "GET /aad/auth", 13) == 0) {
		answer(r, 302, "Location: https://login.example/11-22/oauth2/authorize?x=1\r\n", "");
	} else if (strstr(r->text, "/token HTTP/1.1") != NULL) {
		int n = ++given->counts[TOKEN_REQUESTS];

		snprintf(given->request, sizeof(given->request), "%.*s", (int)sizeof(given->request) - 1, r->text);
		usleep((useconds_t)given->delay * 1000);
		if (given->status == 200)
			body = xasprintf("{\"access_token\": \"token-%d\", \"expires_in\": %d}", given->same ? 1 : n,
			    given->life);
		else
			body = xasprintf("{\"error\": \"invalid_client\", \"error_description\": \"%s is wrong\"}",
			    SECRET);
		/* Not waited for, because it is longer than there is patience. */
		answer(r, given->status, given->status == 503 ? "Retry-After: 3600\r\n" : "", body);
	} else if (strstr(r->text, "Bearer token-1\r\n") != NULL) {
		answer(r, 401, "", "{\"message\": \"expired\"}");
	} else {
		answer(r, 200, "", "{}");
	}
	free(body);
	return true;
}

static struct http *
make_http(void)
{
	struct http_config config = {.login = &login, .limiter = limiter, .bearer = bearer, .stop = &stop};
	char *why;
	struct http *made = http_new(&config, &why);

	ck_assert_ptr_nonnull(made);
	return made;
}

static void
setup(void)
{
	given = mmap(NULL, sizeof(*given), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(given, MAP_FAILED);
	given->life = 3600;
	given->status = 200;
	login = (struct login){
		.method = LOGIN_OAUTH_M2M, .client_id = xstrdup("client"), .client_secret = xstrdup(SECRET),
		.http_timeout = 5 * NSEC_PER_SEC, .retry_timeout = 30 * NSEC_PER_SEC,
	};
	login.host = start_server(serve);
	given->port = (int)strtol(strrchr(login.host, ':') + 1, NULL, 10);
	limiter = limiter_new();
	bearer = bearer_new();
	ck_assert_ptr_nonnull(limiter);
	ck_assert_ptr_nonnull(bearer);
	h = make_http();
}

static void
teardown(void)
{
	http_free(h);
	bearer_free(bearer);
	limiter_free(limiter);
	free(login.host);
	free(login.client_id);
	free(login.client_secret);
	munmap(given, sizeof(*given));
}

/* Checks the header; want NULL: there is none, and why says why_has. */
static void
check_header(const char *refused, const char *want, const char *why_has)
{
	struct buf out = BUF_INIT;
	char *why;
	int rc;

	buf_adds(&out, "x");
	rc = bearer_header(bearer, &login, h, refused, &out, NULL, &why);
	if (want != NULL) {
		ck_assert_msg(rc == 0, "%s", why);
		ck_assert_str_eq(out.data + 1, want);
		ck_assert_ptr_null(why);
	} else {
		ck_assert_int_eq(rc, -1);
		ck_assert_str_eq(out.data, "x");
		ck_assert_msg(strstr(why, why_has) != NULL, "%s", why);
		ck_assert_ptr_null(strstr(why, SECRET));
	}
	free(why);
	buf_release(&out);
}

START_TEST(test_pat_and_basic)
{
	struct login kept = login;

	login = (struct login){.method = LOGIN_PAT, .host = kept.host, .token = (char *)"abc"};
	check_header(NULL, "Bearer abc", NULL);
	check_header("Bearer abc", NULL, "takes no login by this token");
	login = (struct login){.method = LOGIN_BASIC, .username = (char *)"Aladdin", .password = (char *)"open sesame"};
	check_header(NULL, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", NULL);
	check_header("Basic x", NULL, "takes no login by this password");
	login = kept;
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 0);
}
END_TEST

START_TEST(test_m2m)
{
	check_header(NULL, "Bearer token-1", NULL);
	check_header(NULL, "Bearer token-1", NULL);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 1);
	ck_assert_int_eq(strncmp(given->request, "POST /oidc/v1/token HTTP/1.1\r\n", 30), 0);
	/* "client:s3cr&t+value" */
	ck_assert_ptr_nonnull(strstr(given->request, "\r\nAuthorization: Basic Y2xpZW50OnMzY3ImdCt2YWx1ZQ==\r\n"));
	ck_assert_ptr_nonnull(strstr(given->request, "\r\nContent-Type: application/x-www-form-urlencoded\r\n"));
	ck_assert_ptr_nonnull(strstr(given->request, "\r\n\r\ngrant_type=client_credentials&scope=all-apis"));
	/* A refused one is fetched anew by the first who says so; the others get what is there. */
	check_header("Bearer token-1", "Bearer token-2", NULL);
	check_header("Bearer token-1", "Bearer token-2", NULL);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 2);
}
END_TEST

START_TEST(test_m2m_by_metadata)
{
	given->metadata = true;
	check_header(NULL, "Bearer token-1", NULL);
	ck_assert_int_eq(strncmp(given->request, "POST /other/token HTTP/1.1\r\n", 28), 0);
	ck_assert_int_eq(given->counts[METADATA_REQUESTS], 1);
}
END_TEST

START_TEST(test_same_token_again)
{
	given->same = true;
	check_header(NULL, "Bearer token-1", NULL);
	check_header("Bearer token-1", NULL, "the one that the workspace refuses");
}
END_TEST

/* Of the twelve seconds the last three are too late. */
START_TEST(test_renewed_before_its_end)
{
	given->life = 12;
	check_header(NULL, "Bearer token-1", NULL);
	usleep(9200000);
	check_header(NULL, "Bearer token-2", NULL);
	/* While it is good a fetch that fails is no matter, and is not repeated at once. */
	usleep(9200000);
	given->status = 400;
	check_header(NULL, "Bearer token-2", NULL);
	check_header(NULL, "Bearer token-2", NULL);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 3);
	usleep(3000000);
	check_header(NULL, NULL, "400 invalid_client: *** is wrong");
}
END_TEST

START_TEST(test_refused_client)
{
	given->status = 401;
	check_header(NULL, NULL, "cannot log in as 'client': POST http://127.0.0.1:");
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 1);
	given->status = 200;
	check_header(NULL, "Bearer token-2", NULL);
}
END_TEST

/* Forks n workers that want the header at the same time; each ends with 0 when it has got it. */
static void
start_workers(int n, pid_t *pids)
{
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		ck_assert_int_ne(pids[i], -1);
		if (pids[i] == 0) {
			struct buf out = BUF_INIT;
			char *why;

			_exit(bearer_header(bearer, &login, make_http(), NULL, &out, NULL, &why) == 0 ? 0 : 1);
		}
	}
}

static int
ended_well(int n, const pid_t *pids)
{
	int status, well = 0;

	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		well += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return well;
}

START_TEST(test_one_fetches_for_all)
{
	pid_t pids[12];

	given->delay = 500;
	start_workers(12, pids);
	ck_assert_int_eq(ended_well(12, pids), 12);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 1);
}
END_TEST

/* They do not try one after the other what has just failed. */
START_TEST(test_one_fails_for_all)
{
	pid_t pids[8];

	given->delay = 4000;
	given->status = 400;
	start_workers(8, pids);
	ck_assert_int_eq(ended_well(8, pids), 0);
	ck_assert_int_le(given->counts[TOKEN_REQUESTS], 2);
}
END_TEST

START_TEST(test_one_that_fetches_is_killed)
{
	pid_t pids[6];
	int64_t until = clock_run() + 20 * NSEC_PER_SEC;

	given->delay = 4500;
	start_workers(1, pids);
	while (given->counts[TOKEN_REQUESTS] == 0 && clock_run() < until)
		usleep(1000);
	start_workers(5, pids + 1);
	usleep(200000);
	given->delay = 0;
	ck_assert_int_eq(kill(pids[0], SIGKILL), 0);
	ck_assert_int_eq(waitpid(pids[0], NULL, 0), pids[0]);
	ck_assert_int_eq(ended_well(5, pids + 1), 5);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 2);
}
END_TEST

/* At any instant, also in the middle of a copy. */
START_TEST(test_killed_at_random)
{
	struct buf out = BUF_INIT;
	char *why;
	pid_t pid;

	srand(2);
	check_header(NULL, "Bearer token-1", NULL);
	for (int i = 0; i < 150; i++) {
		pid = fork();
		ck_assert_int_ne(pid, -1);
		if (pid == 0)
			for (;;) {
				buf_reset(&out);
				(void)bearer_header(bearer, &login, h, NULL, &out, NULL, &why);
			}
		usleep((useconds_t)(rand() % 1500));
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		check_header(NULL, "Bearer token-1", NULL);
	}
}
END_TEST

START_TEST(test_stopped)
{
	struct buf out = BUF_INIT;
	pid_t pids[1];
	int64_t began;
	char *why;

	given->delay = 4000;
	start_workers(1, pids);
	while (given->counts[TOKEN_REQUESTS] == 0)
		usleep(1000);
	stop = 1;
	began = clock_run();
	ck_assert_int_eq(bearer_header(bearer, &login, h, NULL, &out, NULL, &why), -1);
	ck_assert_str_eq(why, "stopped");
	ck_assert_int_lt(clock_run() - began, 3 * NSEC_PER_SEC);
	free(why);
	ck_assert_int_eq(ended_well(1, pids), 1);
}
END_TEST

/* 401 to the token of all: a call comes through with the next one. */
START_TEST(test_call_with_a_new_token)
{
	struct http_request r = {.method = "GET", .path = "/api/x", .endpoint = ENDPOINT_GET};
	struct http_answer a;

	http_call(h, &r, &a);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert_str_eq(last_header("Authorization"), "Bearer token-2");
	http_answer_release(&a);
	/* But once. */
	given->counts[TOKEN_REQUESTS] = 0;
	given->same = true;
	check_header("Bearer token-2", "Bearer token-1", NULL);
	given->same = false;
	given->counts[TOKEN_REQUESTS] = 9;
	http_call(h, &r, &a);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_str_eq(last_header("Authorization"), "Bearer token-10");
	http_answer_release(&a);
	given->status = 400;
	given->same = true;
	bearer_free(bearer);
	http_free(h);
	bearer = bearer_new();
	h = make_http();
	http_call(h, &r, &a);
	ck_assert_int_eq(a.result, HTTP_NO_LOGIN);
	ck_assert_uint_eq(a.tries, 0);
	ck_assert_ptr_nonnull(strstr(a.message, "GET /api/x: cannot log in as 'client': POST http://127.0.0.1:"));
	ck_assert_ptr_null(strstr(a.message, SECRET));
	http_answer_release(&a);
}
END_TEST

/* A token endpoint that is busy is not a login that is wrong: the call goes on as long as it may. */
START_TEST(test_nobody_to_log_in_at)
{
	struct http_request r = {
		.method = "GET", .path = "/api/x", .endpoint = ENDPOINT_GET, .patience = 2 * NSEC_PER_SEC,
	};
	char *host = login.host, *why;
	struct buf out = BUF_INIT;
	struct http_answer a;

	login.method = LOGIN_CLI;
	login.cli = (char *)"/nonexistent/databricks";
	http_call(h, &r, &a);
	ck_assert_int_eq(a.result, HTTP_NO_LOGIN);
	http_answer_release(&a);
	login.method = LOGIN_AZURE_SECRET;
	login.azure_client_id = login.client_id;
	login.azure_client_secret = login.client_secret;
	login.azure_tenant_id = (char *)"mine";
	setenv("AZURE_AUTHORITY_HOST", "http://10.0.0.1", 1);
	ck_assert_int_eq(bearer_header(bearer, &login, h, NULL, &out, NULL, &why), BEARER_REFUSED);
	ck_assert_ptr_nonnull(strstr(why, "nothing is sent there"));
	free(why);
	setenv("AZURE_AUTHORITY_HOST", host, 1);
	given->status = 503;
	ck_assert_int_eq(bearer_header(bearer, &login, h, NULL, &out, NULL, &why), BEARER_LATER);
	ck_assert_ptr_nonnull(strstr(why, "503 invalid_client: *** is wrong"));
	free(why);
	/* So it is asked again, as long as the call's own patience says. */
	given->counts[TOKEN_REQUESTS] = 0;
	http_call(h, &r, &a);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_int_eq(given->counts[TOKEN_REQUESTS], 2);
	http_answer_release(&a);
}
END_TEST

START_TEST(test_azure)
{
	struct buf out = BUF_INIT, management = BUF_INIT;
	char *why;

	login.method = LOGIN_AZURE_SECRET;
	login.azure_client_id = login.client_id;
	login.azure_client_secret = login.client_secret;
	login.client_id = login.client_secret = NULL;
	setenv("AZURE_AUTHORITY_HOST", login.host, 1);
	check_header(NULL, "Bearer token-1", NULL);
	ck_assert_int_eq(strncmp(given->request, "POST /11-22/oauth2/token HTTP/1.1\r\n", 35), 0);
	ck_assert_ptr_nonnull(strstr(given->request, "\r\n\r\ngrant_type=client_credentials&client_id=client"
	    "&client_secret=s3cr%26t%2Bvalue&resource=2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"));
	ck_assert_ptr_null(strstr(given->request, "Authorization:"));
	login.azure_tenant_id = (char *)"mine";
	check_header("Bearer token-1", "Bearer token-2", NULL);
	ck_assert_int_eq(strncmp(given->request, "POST /mine/oauth2/token", 23), 0);
	/* With the workspace's id in Azure there is a second one. */
	login.azure_resource_id = (char *)"/subscriptions/1";
	login.azure_environment = (char *)"usgovernment";
	ck_assert_int_eq(bearer_header(bearer, &login, h, "Bearer token-2", &out, &management, &why), 0);
	ck_assert_str_eq(out.data, "Bearer token-3");
	ck_assert_str_eq(management.data, "token-4");
	ck_assert_ptr_nonnull(strstr(given->request,
	    "&resource=https%3A%2F%2Fmanagement.core.usgovcloudapi.net%2F"));
	login.azure_resource_id = login.azure_environment = NULL;
	buf_release(&out);
	buf_release(&management);
	free(login.azure_client_id);
	free(login.azure_client_secret);
}
END_TEST

/* A program that stands for Databricks' own. The caller removes it. */
static char *
write_program(const char *script)
{
	char *path = xstrdup("/tmp/check_bearer.XXXXXX");
	int fd = mkstemp(path);

	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(file_write_full(fd, "#!/bin/sh\n", 10), 0);
	ck_assert_int_eq(file_write_full(fd, script, strlen(script)), 0);
	ck_assert_int_eq(fchmod(fd, 0700), 0);
	close(fd);
	return path;
}

static void
check_program(const char *script, const char *profile, const char *want, const char *why_has)
{
	login.method = LOGIN_CLI;
	login.cli = write_program(script);
	login.profile = (char *)profile;
	bearer_free(bearer);
	bearer = bearer_new();
	check_header(NULL, want, why_has);
	unlink(login.cli);
	free(login.cli);
	login.cli = NULL;
}

START_TEST(test_program)
{
	char *script;

	check_program("printf '{\"access_token\": \"%s-%s-%s-%s-%s\", \"expiry\": \"2199-01-01T00:00:00+01:00\"}' "
	    "\"$1\" \"$2\" \"$3\" \"$4\" \"$#\"", "P", "Bearer auth-token---profile-P-4", NULL);
	script = xasprintf("test \"$4\" = %s && echo '{\"access_token\": \"t\"}'", login.host);
	check_program(script, NULL, "Bearer t", NULL);
	check_program("echo 'Error: not logged in' >&2; echo 'Try again' >&2; exit 1", "P", NULL,
	    "auth token --profile P': Error: not logged in Try again");
	check_program("exit 3", "P", NULL, "it says nothing about why");
	check_program("kill -9 $$", "P", NULL, "it says nothing about why");
	check_program("echo '{\"token_type\": \"Bearer\"}'", "P", NULL, "its answer holds no token");
	check_program("echo '{\"access_token\": \"a\\nX-Evil: b\"}'", "P", NULL, "its answer holds no token");
	check_program("echo '{\"access_token\": \"t\", \"expiry\": \"2001-01-01T00:00:00Z\"}'", "P", NULL,
	    "has expired already");
	/* One that leaves somebody behind who holds the pipe. */
	check_program("sleep 20 & echo '{\"access_token\": \"t\"}'", "P", "Bearer t", NULL);
	/* Much on standard error while nobody reads the other one. */
	check_program("head -c 300000 /dev/zero | tr '\\0' x >&2; echo '{\"access_token\": \"t\"}'", "P", "Bearer t",
	    NULL);
	login.cli = (char *)"/nonexistent/databricks";
	check_header("Bearer t", NULL, "No such file");
	free(script);
}
END_TEST

START_TEST(test_token_time)
{
	ck_assert_int_eq(token_time("1970-01-01T00:00:00Z"), 0);
	ck_assert_int_eq(token_time("2024-02-29T12:34:56.123456789-07:30"), INT64_C(1709237096123456));
	ck_assert_int_eq(token_time("2024-02-29t12:34:56.5+01:00"), INT64_C(1709206496500000));
	ck_assert_int_eq(token_time(""), -1);
	ck_assert_int_eq(token_time("2024-02-29"), -1);
	ck_assert_int_eq(token_time("2024-13-29T12:34:56Z"), -1);
	ck_assert_int_eq(token_time("2024-02-29T12:34:56"), -1);
	ck_assert_int_eq(token_time("2024-02-29T12:34:56Zx"), -1);
	ck_assert_int_eq(token_time("2024-02-29T12:34:56+1"), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("bearer");
	TCase *tc = tcase_create("bearer");
	SRunner *sr;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	unsetenv("AZURE_AUTHORITY_HOST");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_pat_and_basic);
	tcase_add_test(tc, test_m2m);
	tcase_add_test(tc, test_m2m_by_metadata);
	tcase_add_test(tc, test_same_token_again);
	tcase_add_test(tc, test_renewed_before_its_end);
	tcase_add_test(tc, test_refused_client);
	tcase_add_test(tc, test_one_fetches_for_all);
	tcase_add_test(tc, test_one_fails_for_all);
	tcase_add_test(tc, test_one_that_fetches_is_killed);
	tcase_add_test(tc, test_killed_at_random);
	tcase_add_test(tc, test_stopped);
	tcase_add_test(tc, test_call_with_a_new_token);
	tcase_add_test(tc, test_nobody_to_log_in_at);
	tcase_add_test(tc, test_azure);
	tcase_add_test(tc, test_program);
	tcase_add_test(tc, test_token_time);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
