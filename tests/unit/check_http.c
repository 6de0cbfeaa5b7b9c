#include "httptest.h"

#include <fcntl.h>
#include <malloc.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"

#define SECRET "dapi0123456789abcdef"
#define MSEC NSEC_PER_MSEC

static struct login login;
static struct limiter *limiter;
static struct bearer *bearer;
static struct http *h;
static volatile sig_atomic_t stop;
static sigset_t wait_mask;
static struct http_answer a;
static struct buf said;	/* all that was logged */

static void
on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

static void
keep_line(enum log_level level, const char *text)
{
	(void)level;
	buf_addf(&said, "%s\n", text);
}

/* A worker: SIGTERM comes in where it is let in. */
static void
begin(bool (*serve)(struct request *))
{
	struct sigaction sa = {.sa_handler = on_stop};
	struct http_config config = {.login = &login, .stop = &stop, .wait_mask = &wait_mask};
	sigset_t set;
	char *why;

	login = (struct login){.method = LOGIN_PAT, .token = xstrdup(SECRET), .workspace_id = xstrdup("123"),
		.http_timeout = 2 * NSEC_PER_SEC, .retry_timeout = 30 * NSEC_PER_SEC,
		.description = xstrdup("host=there, token=***")};
	login.host = serve != NULL ? start_server(serve) : xstrdup("http://127.0.0.1:9");
	sigaction(SIGTERM, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &wait_mask);
	sigdelset(&wait_mask, SIGTERM);
	config.limiter = limiter = limiter_new();
	config.bearer = bearer = bearer_new();
	ck_assert_ptr_nonnull(limiter);
	ck_assert_ptr_nonnull(bearer);
	h = http_new(&config, &why);
	ck_assert_ptr_nonnull(h);
	log_level = LOG_DEBUG;
	log_child("test", keep_line);
}

static void
end(void)
{
	ck_assert_ptr_null(strstr(buf_str(&said), SECRET));
	ck_assert(a.message == NULL || strstr(a.message, SECRET) == NULL);
	ck_assert(a.message == NULL || strchr(a.message, '\n') == NULL);
	http_answer_release(&a);
	http_free(h);
	limiter_free(limiter);
	bearer_free(bearer);
	buf_release(&said);
	free(login.token);
	free(login.host);
	free(login.workspace_id);
	free(login.description);
}

static void
call(struct http_request r)
{
	http_answer_release(&a);
	if (r.path == NULL)
		r.path = "/api/2.2/jobs/runs/get";
	if (r.method == NULL)
		r.method = "GET";
	http_call(h, &r, &a);
}

#define GET(...) call((struct http_request){.endpoint = ENDPOINT_GET, __VA_ARGS__})
#define POST(...) call((struct http_request){.method = "POST", .endpoint = ENDPOINT_SUBMIT, __VA_ARGS__})

/* Patience with which there is a second try, after 1.55 s at the latest, and no third one: that takes 3.1 s or more. */
#define TWO_TRIES (3 * NSEC_PER_SEC)

/* Sends this process a SIGTERM a while after the server has got so many requests. */
static pid_t
term_after(int requests, int ms)
{
	pid_t test = getpid(), pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0) {
		while (seen->requests < requests)
			usleep(1000);
		usleep((useconds_t)ms * 1000);
		kill(test, SIGTERM);
		_exit(0);
	}
	return pid;
}

static bool
serve_ok(struct request *r)
{
	answer(r, 200, "Content-Type: application/json\r\n", "{\"run_id\": 7205759403792793601}");
	return true;
}

START_TEST(test_ok)
{
	struct buf query = BUF_INIT;
	int64_t id;
	char *want;

	begin(serve_ok);
	http_query(&query, "a b", "");
	buf_reset(&query);
	http_query(&query, "path", "/Users/a b/\303\244&=+%~-._");
	http_query_int(&query, "run_id", INT64_MIN);
	ck_assert_str_eq(query.data, "path=%2FUsers%2Fa%20b%2F%C3%A4%26%3D%2B%25~-._&run_id=-9223372036854775808");
	GET(.query = query.data);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_ptr_null(a.message);
	ck_assert(!a.maybe_done);
	ck_assert(json_int(json_get(a.json, "run_id"), &id));
	ck_assert_int_eq(id, INT64_C(7205759403792793601));
	want = xasprintf("GET /api/2.2/jobs/runs/get?%s HTTP/1.1\r\n", query.data);
	ck_assert_int_eq(strncmp(seen->last, want, strlen(want)), 0);
	ck_assert_str_eq(last_header("Authorization"), "Bearer " SECRET);
	ck_assert_str_eq(last_header("X-Databricks-Workspace-Id"), "123");
	ck_assert_int_eq(strncmp(last_header("User-Agent"), "nbfork/", 7), 0);
	ck_assert_ptr_nonnull(strstr(last_header("User-Agent"), " os/linux auth/pat"));
	ck_assert_ptr_nonnull(strstr(last_header("User-Agent"), " libcurl/"));
	ck_assert_ptr_null(last_header("Content-Type"));
	/* The log has all but the query. */
	ck_assert_ptr_nonnull(strstr(said.data, "GET /api/2.2/jobs/runs/get: 200, "));
	ck_assert_ptr_nonnull(strstr(said.data, " ms, 31 bytes, request req-1\n"));
	/* The connection is used again, also after a body. */
	POST(.body = "{\"x\": 1}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_ptr_nonnull(strstr(seen->last, "\r\n\r\n{\"x\": 1}"));
	ck_assert_str_eq(last_header("Content-Type"), "application/json");
	ck_assert_ptr_null(last_header("Expect"));
	GET(.path = "/x");
	ck_assert_int_eq(seen->requests, 3);
	/* Of its own for what must not be sent twice. */
	ck_assert_int_eq(seen->connections, 2);
	POST(.body = NULL, .authorization = "", .repeatable = true);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_ptr_null(last_header("Authorization"));
	ck_assert_str_eq(last_header("Content-Length"), "0");
	POST(.body = "a=1", .authorization = "Basic abc", .content_type = "application/x-www-form-urlencoded");
	ck_assert_str_eq(last_header("Authorization"), "Basic abc");
	ck_assert_str_eq(last_header("Content-Type"), "application/x-www-form-urlencoded");
	free(want);
	buf_release(&query);
	end();
}
END_TEST

static bool
serve_page_twice(struct request *r)
{
	if (r->n > 2)
		return serve_ok(r);
	answer(r, 200, "", "<html><head><title>Sign in &amp; go</title></head></html>");
	return true;
}

START_TEST(test_page_then_ok)
{
	begin(serve_page_twice);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 3);
	ck_assert(!a.maybe_done);
	end();
}
END_TEST

static bool
serve_page(struct request *r)
{
	answer(r, 200, "", "\n<html><head><title>Sign in &amp; go</title></head></html>");
	return true;
}

START_TEST(test_page_for_ever)
{
	begin(serve_page);
	GET(.patience = TWO_TRIES);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_int_eq(a.status, 200);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert_ptr_nonnull(strstr(a.message,
	    "GET /api/2.2/jobs/runs/get: 200, but the answer is no JSON: Sign in & go"));
	GET(.patience = -1, .raw = true);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_int_eq(json_type(a.json), JSON_NONE);
	ck_assert_uint_eq(a.body.len, 58);
	end();
}
END_TEST

/* Whether it was done is not known: not sent again unless that does no harm. */
static bool
serve_half(struct request *r)
{
	answer(r, 200, "", "{\"run_id\": ");
	return true;
}

START_TEST(test_broken_json)
{
	begin(serve_half);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert(a.maybe_done);
	POST(.body = "{}", .repeatable = true, .patience = TWO_TRIES);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert(a.maybe_done);
	GET(.patience = -1);
	ck_assert(!a.maybe_done);
	end();
}
END_TEST

static bool
serve_busy(struct request *r)
{
	char date[128], header[160];
	time_t then = time(NULL) + 3;
	struct tm tm;

	if (r->n == 1) {
		answer(r, 429, "Retry-After: 2\r\n", "{\"error_code\":\"REQUEST_LIMIT_EXCEEDED\"}");
	} else if (r->n == 2) {
		gmtime_r(&then, &tm);
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		snprintf(header, sizeof(header), "Retry-After: %s\r\n", date);
		answer(r, 429, header, "");
	} else {
		return serve_ok(r);
	}
	return true;
}

START_TEST(test_429_with_retry_after)
{
	begin(serve_busy);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 3);
	ck_assert_int_ge(seen->at[1] - seen->at[0], 2 * NSEC_PER_SEC);
	ck_assert_int_ge(seen->at[2] - seen->at[1], 2 * NSEC_PER_SEC);
	ck_assert_double_lt(limiter_rate(limiter, ENDPOINT_SUBMIT), 30);
	ck_assert_double_eq(limiter_rate(limiter, ENDPOINT_GET), 90);
	end();
}
END_TEST

static bool
serve_retry_info(struct request *r)
{
	if (r->n == 2)
		return serve_ok(r);
	answer(r, 503, "", "{\"error_code\":\"TEMPORARILY_UNAVAILABLE\",\"message\":\"x\",\"details\":[{\"@type\":"
	    "\"type.googleapis.com/google.rpc.RetryInfo\",\"retry_delay\":\"2.5s\"}]}");
	return true;
}

START_TEST(test_retry_info)
{
	begin(serve_retry_info);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_int_ge(seen->at[1] - seen->at[0], 2500 * MSEC);
	end();
}
END_TEST

/* More than there is patience for: not waited for. */
static bool
serve_far(struct request *r)
{
	answer(r, 429, "Retry-After: 3600\r\n", "");
	return true;
}

START_TEST(test_retry_after_beyond_patience)
{
	int64_t began;

	begin(serve_far);
	began = clock_run();
	GET(.path = "/x");
	ck_assert_int_lt(clock_run() - began, 50 * NSEC_PER_SEC);
	ck_assert_int_eq(a.result, HTTP_REFUSED);
	ck_assert_int_eq(a.status, 429);
	ck_assert_str_eq(a.message, "GET /x: 429 Too Many Requests (request req-1)");
	end();
}
END_TEST

static bool
serve_500_twice(struct request *r)
{
	if (r->n > 2)
		return serve_ok(r);
	answer(r, r->n == 1 ? 500 : 503, "", "{\"error_code\":\"TEMPORARILY_UNAVAILABLE\",\"message\":\"again\"}");
	return true;
}

START_TEST(test_500_and_503)
{
	begin(serve_500_twice);
	/* It says that nothing was done. */
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 3);
	ck_assert_int_ge(seen->at[1] - seen->at[0], NSEC_PER_SEC);
	ck_assert_int_ge(seen->at[2] - seen->at[1], 2 * NSEC_PER_SEC);
	end();
}
END_TEST

static bool
serve_500(struct request *r)
{
	answer(r, 500, "", "gone wrong");
	return true;
}

START_TEST(test_500_of_unknown_effect)
{
	begin(serve_500);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_REFUSED);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert(a.maybe_done);
	ck_assert_ptr_nonnull(strstr(a.message, "500 Internal Server Error: gone wrong"));
	GET(.patience = TWO_TRIES);
	ck_assert_int_eq(a.result, HTTP_REFUSED);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert_ptr_nonnull(strstr(a.message, "(after 2 tries in "));
	ck_assert(!a.maybe_done);
	end();
}
END_TEST

START_TEST(test_nobody_there)
{
	begin(NULL);
	POST(.body = "{}", .patience = TWO_TRIES);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert_int_eq(a.status, 0);
	ck_assert(!a.maybe_done);
	ck_assert_ptr_nonnull(strstr(a.message, "cannot reach 'http://127.0.0.1:9': "));
	POST(.body = "{}", .patience = -1);
	ck_assert_uint_eq(a.tries, 1);
	end();
}
END_TEST

static bool
serve_drop(struct request *r)
{
	(void)r;
	return false;
}

static bool
serve_part(struct request *r)
{
	static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"run_id\": 1}";

	send_text(r->fd, part, sizeof(part) - 1);
	return false;
}

START_TEST(test_dropped_after_it_was_read)
{
	begin(_i == 0 ? serve_drop : serve_part);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_int_eq(seen->requests, 1);
	ck_assert(a.maybe_done);
	ck_assert_uint_eq(a.body.len, 0);
	ck_assert_ptr_nonnull(strstr(a.message, "cannot get an answer from 'http://127.0.0.1:"));
	POST(.body = "{}", .repeatable = true, .patience = TWO_TRIES);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert(a.maybe_done);
	end();
}
END_TEST

static bool
serve_drop_first(struct request *r)
{
	return r->n > 1 ? serve_ok(r) : false;
}

START_TEST(test_dropped_once)
{
	begin(serve_drop_first);
	POST(.body = "{}", .repeatable = true);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 2);
	ck_assert(!a.maybe_done);
	end();
}
END_TEST

/* A connection that was kept and is closed by the server on the next request: sent again by nobody unasked. */
static bool
serve_once_a_connection(struct request *r)
{
	static bool again;

	if (again)
		return false;
	again = true;
	return serve_ok(r);
}

START_TEST(test_kept_connection_is_closed)
{
	begin(serve_once_a_connection);
	GET(.path = "/1");
	ck_assert_int_eq(a.result, HTTP_OK);
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_int_eq(seen->requests, 2);
	end();
}
END_TEST

/* Accepts, and drops before anything is read. */
START_TEST(test_dropped_before)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(in);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	begin(NULL);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&in, &n), 0);
	if (fork() == 0) {
		for (;;)
			close(accept(listener, NULL, NULL));
	}
	close(listener);
	free(login.host);
	login.host = xasprintf("http://127.0.0.1:%d", ntohs(in.sin_port));
	POST(.body = "{}", .repeatable = true, .patience = TWO_TRIES);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 2);
	end();
}
END_TEST

static bool
serve_never(struct request *r)
{
	(void)r;
	pause();
	return false;
}

START_TEST(test_timeout)
{
	int64_t began;

	begin(serve_never);
	began = clock_run();
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert(a.maybe_done);
	ck_assert_int_ge(clock_run() - began, 2 * NSEC_PER_SEC);
	ck_assert_ptr_nonnull(strstr(a.message, "no answer for 2 s"));
	end();
}
END_TEST

/* Slow, but never silent for long: that takes as long as it takes. In chunks. */
static bool
serve_slowly(struct request *r)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char *const chunks[] = {"1\r\n[\r\n", "3\r\n1, \r\n", "3\r\n2, \r\n", "2\r\n3]\r\n", "0\r\n\r\n"};

	send_text(r->fd, head, sizeof(head) - 1);
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		usleep(500000);
		send_text(r->fd, chunks[i], strlen(chunks[i]));
	}
	return true;
}

START_TEST(test_slow_and_chunked)
{
	begin(serve_slowly);
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_str_eq(a.body.data, "[1, 2, 3]");
	ck_assert_uint_eq(json_count(a.json), 3);
	end();
}
END_TEST

static bool
serve_large(struct request *r)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static char chunk[1 << 16];

	memset(chunk, ' ', sizeof(chunk));
	send_text(r->fd, head, sizeof(head) - 1);
	for (size_t i = 0; i < HTTP_BYTES_MAX / sizeof(chunk) + (size_t)(r->n > 1); i++) {
		send_text(r->fd, "10000\r\n", 7);
		send_text(r->fd, chunk, sizeof(chunk));
		send_text(r->fd, "\r\n", 2);
	}
	send_text(r->fd, "0\r\n\r\n", 5);
	return true;
}

START_TEST(test_largest)
{
	begin(serve_large);
	GET(.raw = true);
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_uint_eq(a.body.len, HTTP_BYTES_MAX);
	GET(.raw = true);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_uint_eq(a.body.len, 0);
	ck_assert_ptr_nonnull(strstr(a.message, "larger than 64 MiB"));
	end();
}
END_TEST

/* The body and the status of the next answer. */
static const char *next_body;
static int next_status;

static bool
serve_given(struct request *r)
{
	answer(r, next_status, "", next_body);
	return true;
}

static const struct {
	int status;
	const char *body, *code, *message;	/* what is in the message behind the path */
} errors[] = {
	{400, "{\"error_code\":\"INVALID_PARAMETER_VALUE\",\"message\":\"Cluster x\\n does not  exist\"}",
	    "INVALID_PARAMETER_VALUE", "400 INVALID_PARAMETER_VALUE: Cluster x does not exist (request req-1)"},
	{400, "{\"error_code\":\"A\",\"message\":\"m\",\"details\":[{\"@type\":"
	    "\"type.googleapis.com/google.rpc.RequestInfo\",\"request_id\":\"abc-def\"}]}", "A",
	    "400 A: m (request abc-def)"},
	{409, "{\"error_code\":500,\"message\":\"m\"}", "500", "409 500: m (request req-1)"},
	{403, "{\"error_code\":403,\"message\":\"m\"}", "403", "403 Forbidden: m (request req-1); host=there, token=***"},
	{400, "{\"error_code\":\"\",\"message\":\"x already exists.\"}", NULL,
	    "400 Bad Request: x already exists. (request req-1)"},
	{404, "{\"error\":\"No API found\"}", NULL, "404 Not Found: No API found (request req-1)"},
	{404, "{\"detail\":\"no user\",\"status\":\"404\",\"scimType\":\"noTarget\"}", "SCIM_404",
	    "404 SCIM_404: noTarget no user (request req-1)"},
	{404, "{\"detail\":\"no user\",\"status\":404}", "SCIM_404", "404 SCIM_404: no user (request req-1)"},
	{400, "{\"error\":\"invalid_client\",\"error_description\":\"who\"}", "invalid_client",
	    "400 invalid_client: who (request req-1)"},
	{400, "MALFORMED_REQUEST: vpc_endpoints malformed", "MALFORMED_REQUEST",
	    "400 MALFORMED_REQUEST: vpc_endpoints malformed (request req-1)"},
	{404, "<html><body><h2>HTTP ERROR</h2><pre>  Not &lt;found&gt;\n</pre></body></html>", NULL,
	    "404 Not Found: Not <found> (request req-1)"},
	{404, "<html><p>Oops", NULL, "404 Not Found: a page of HTML (request req-1)"},
	{404, "<html><title>Oops</title></html>", NULL, "404 Not Found: Oops (request req-1)"},
	{404, "", NULL, "404 Not Found (request req-1)"},
	{418, "[]", NULL, "418: [] (request req-1)"},
	{400, "\033[31mred\033[0m\r\nline", NULL, "400 Bad Request: red line (request req-1)"},
	{403, "{\"error_code\":\"PERMISSION_DENIED\",\"message\":\"token " SECRET " may not\"}", "PERMISSION_DENIED",
	    "403 PERMISSION_DENIED: token *** may not (request req-1); host=there, token=***"},
	{401, "{\"message\":\"no\"}", NULL, "401 Unauthorized: no (request req-1); host=there, token=***"},
};

START_TEST(test_errors)
{
	char *want = xasprintf("GET /x: %s", errors[_i].message);

	next_status = errors[_i].status;
	next_body = errors[_i].body;
	begin(serve_given);
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_REFUSED);
	ck_assert_int_eq(a.status, next_status);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_str_eq(a.message, want);
	if (errors[_i].code != NULL)
		ck_assert_str_eq(a.code, errors[_i].code);
	else
		ck_assert_ptr_null(a.code);
	ck_assert(!a.maybe_done);
	free(want);
	end();
}
END_TEST

static bool
serve_redirect(struct request *r)
{
	answer(r, 302, "Location: https://login.example/abc/login.html?token=" SECRET
	    "&error=private-link-validation-error\r\n", "");
	return true;
}

START_TEST(test_redirect)
{
	begin(serve_redirect);
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_REFUSED);
	ck_assert_int_eq(a.status, 302);
	ck_assert_int_eq(strncmp(a.location, "https://login.example/abc/login.html?token=", 43), 0);
	ck_assert_ptr_nonnull(strstr(a.message,
	    "a redirect to 'https://login.example/abc/login.html': this workspace takes"));
	ck_assert_int_eq(seen->requests, 1);
	end();
}
END_TEST

START_TEST(test_token_with_a_line_break)
{
	begin(serve_ok);
	free(login.token);
	login.token = xstrdup("abc\r\nX-Evil: 1");
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_uint_eq(a.tries, 1);
	ck_assert_ptr_nonnull(strstr(a.message, "there is a line break in the token"));
	ck_assert_int_eq(seen->requests, 0);
	end();
}
END_TEST

START_TEST(test_unsafe_addresses)
{
	static const char *const urls[] = {
		"http://10.0.0.1/", "http://127.0.0.1@10.0.0.1/", "http://localhost.example.org/", "ftp://127.0.0.1/",
		"file:///etc/passwd", "http://127.0.0.1.example.org/",
	};

	begin(NULL);
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		GET(.path = urls[i]);
		ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
		ck_assert_uint_eq(a.tries, 0);
		ck_assert_ptr_nonnull(strstr(a.message, "nothing is sent there"));
	}
	end();
}
END_TEST

START_TEST(test_stopped_during_transfer)
{
	int64_t began;

	begin(serve_never);
	login.http_timeout = 60 * NSEC_PER_SEC;
	began = clock_run();
	term_after(1, 300);
	POST(.body = "{}", .repeatable = true);
	ck_assert_int_eq(a.result, HTTP_STOPPED);
	ck_assert(a.maybe_done);
	ck_assert_int_ge(clock_run() - began, 200 * MSEC);
	ck_assert_int_lt(clock_run() - began, 30 * NSEC_PER_SEC);
	/* Nothing is begun any more; but what is for cleaning up is. */
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_STOPPED);
	ck_assert_uint_eq(a.tries, 0);
	ck_assert_int_eq(seen->requests, 1);
	ck_assert_str_eq(a.message, "GET /x: stopped");
	login.http_timeout = NSEC_PER_SEC;
	http_ignore_stop(h, true);
	ck_assert(http_sleep(h, clock_run() + MSEC));
	GET(.patience = -1);
	ck_assert_int_eq(a.result, HTTP_UNREACHABLE);
	ck_assert_int_eq(seen->requests, 2);
	end();
}
END_TEST

START_TEST(test_stopped_during_wait)
{
	int64_t began;

	begin(serve_500);
	GET(.patience = -1);
	began = clock_run();
	term_after(0, 300);
	ck_assert(!http_sleep(h, clock_run() + 200 * NSEC_PER_SEC));
	stop = 0;
	term_after(seen->requests + 1, 300);
	login.retry_timeout = 100 * NSEC_PER_SEC;
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_STOPPED);
	ck_assert_uint_eq(a.tries, 1);
	/* And where it waits for its turn. */
	stop = 0;
	limiter_throttled(limiter, ENDPOINT_GET, 200 * NSEC_PER_SEC);
	term_after(0, 300);
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_STOPPED);
	ck_assert_uint_eq(a.tries, 0);
	ck_assert_int_lt(clock_run() - began, 50 * NSEC_PER_SEC);
	end();
}
END_TEST

/* A request that waits for its place does not go at that once the endpoint has been slowed down. */
START_TEST(test_slowed_down_while_waiting)
{
	int64_t began;

	begin(serve_ok);
	for (int i = 0; i < 120; i++)
		limiter_take(limiter, ENDPOINT_SUBMIT);
	began = clock_run();
	if (fork() == 0) {
		usleep(200000);
		limiter_throttled(limiter, ENDPOINT_SUBMIT, 4 * NSEC_PER_SEC);
		_exit(0);
	}
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_int_ge(clock_run() - began, 4 * NSEC_PER_SEC);
	end();
}
END_TEST

/* Nor does it go when its time is long over: all that were suspended together would, at once. */
START_TEST(test_suspended_while_waiting)
{
	pid_t parent = getpid(), child;
	int64_t began;

	begin(serve_ok);
	for (int i = 0; i < 30; i++)
		limiter_take(limiter, ENDPOINT_SUBMIT);
	began = clock_run();
	child = fork();
	if (child == 0) {
		usleep(100000);
		kill(parent, SIGSTOP);
		usleep(1500000);
		for (int i = 0; i < 60; i++)
			limiter_take(limiter, ENDPOINT_SUBMIT);
		kill(parent, SIGCONT);
		_exit(0);
	}
	POST(.body = "{}");
	ck_assert_int_eq(a.result, HTTP_OK);
	ck_assert_int_ge(clock_run() - began, 3 * NSEC_PER_SEC);
	waitpid(child, NULL, 0);
	end();
}
END_TEST

/* Kilobytes of memory that this process shares with nobody. */
static long
private_kib(void)
{
	struct buf b = BUF_INIT;
	const char *clean, *dirty;
	long n;

	ck_assert_int_eq(file_read("/proc/self/smaps_rollup", &b, 1 << 16), 0);
	clean = strstr(b.data, "Private_Clean:");
	dirty = strstr(b.data, "Private_Dirty:");
	ck_assert_ptr_nonnull(clean);
	ck_assert_ptr_nonnull(dirty);
	n = strtol(clean + 14, NULL, 10) + strtol(dirty + 14, NULL, 10);
	buf_release(&b);
	return n;
}

static bool
serve_some(struct request *r)
{
	static char body[1 << 20];

	memset(body, ' ', sizeof(body) - 1);
	memcpy(body, "{}", 2);
	answer(r, 200, "", body);
	return true;
}

START_TEST(test_memory_of_one_that_waits)
{
	long before, after;

	begin(serve_some);
	before = private_kib();
	for (int i = 0; i < 5; i++)
		GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_OK);
	http_answer_release(&a);
	term_after(0, 10);
	ck_assert(!http_sleep(h, clock_run() + 60 * NSEC_PER_SEC));
	after = private_kib();
	if (getenv("CHECK_HTTP_VERBOSE") != NULL)
		fprintf(stderr, "%ld KiB before the first call, %ld KiB while it waits\n", before, after);
	/* Under a sanitizer memory is not given back. */
#ifndef __SANITIZE_ADDRESS__
	ck_assert_int_lt(after - before, 2048);
#endif
	stop = 0;
	GET(.path = "/x");
	ck_assert_int_eq(a.result, HTTP_OK);
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("http");
	TCase *tc = tcase_create("http");
	SRunner *sr;
	int failed;

	signal(SIGPIPE, SIG_IGN);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_ok);
	tcase_add_test(tc, test_page_then_ok);
	tcase_add_test(tc, test_page_for_ever);
	tcase_add_test(tc, test_broken_json);
	tcase_add_test(tc, test_429_with_retry_after);
	tcase_add_test(tc, test_retry_info);
	tcase_add_test(tc, test_retry_after_beyond_patience);
	tcase_add_test(tc, test_500_and_503);
	tcase_add_test(tc, test_500_of_unknown_effect);
	tcase_add_test(tc, test_nobody_there);
	tcase_add_loop_test(tc, test_dropped_after_it_was_read, 0, 2);
	tcase_add_test(tc, test_dropped_once);
	tcase_add_test(tc, test_kept_connection_is_closed);
	tcase_add_test(tc, test_dropped_before);
	tcase_add_test(tc, test_timeout);
	tcase_add_test(tc, test_slow_and_chunked);
	tcase_add_test(tc, test_largest);
	tcase_add_loop_test(tc, test_errors, 0, (int)(sizeof(errors) / sizeof(errors[0])));
	tcase_add_test(tc, test_redirect);
	tcase_add_test(tc, test_token_with_a_line_break);
	tcase_add_test(tc, test_unsafe_addresses);
	tcase_add_test(tc, test_stopped_during_transfer);
	tcase_add_test(tc, test_stopped_during_wait);
	tcase_add_test(tc, test_slowed_down_while_waiting);
	tcase_add_test(tc, test_suspended_while_waiting);
	tcase_add_test(tc, test_memory_of_one_that_waits);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
