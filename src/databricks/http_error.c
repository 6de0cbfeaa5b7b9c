#include "databricks/http_error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "databricks/plain.h"

#define COLUMNS 600	/* of a message; more of it is of no use to anybody */
#define DELAY_MAX 3600.0	/* seconds */

/* A text made one line that can be shown; NULL when nothing is left of it. Takes the buffer. */
static char *
one_line(struct buf *text)
{
	struct buf line = BUF_INIT;
	size_t n = 0;

	for (size_t i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (isspace((unsigned char)c))
			c = ' ';
		if (c != ' ' || (n > 0 && text->data[n - 1] != ' '))
			text->data[n++] = c;
	}
	if (n > 0 && text->data[n - 1] == ' ')
		n--;
	if (n > 0 && utf8_put_visible(&line, text->data, n, COLUMNS) >= COLUMNS - 1)
		buf_adds(&line, "...");
	buf_release(text);
	if (line.len == 0) {
		buf_release(&line);
		return NULL;
	}
	return buf_steal(&line);
}

/* A string's characters, or a number's; NULL for anything else and for "". */
static char *
scalar(struct json v)
{
	struct buf text = BUF_INIT;

	if (json_type(v) == JSON_STRING)
		json_decode(&text, v);
	else if (json_type(v) == JSON_NUMBER)
		buf_add(&text, v.text, v.len);
	return one_line(&text);
}

/* Whether the type ("type.googleapis.com/google.rpc.RetryInfo") is the one of that name. */
static bool
is_type(struct json detail, const char *name)
{
	char *type = json_strdup(json_get(detail, "@type"));
	const char *dot = type != NULL ? strrchr(type, '.') : NULL;
	bool yes = dot != NULL && strcmp(dot + 1, name) == 0;

	free(type);
	return yes;
}

/* "3.5s"; 0 for what is none. */
static int64_t
duration(struct json v)
{
	char *text = json_strdup(v), *end;
	double seconds = 0;

	if (text != NULL && isdigit((unsigned char)*text)) {
		seconds = strtod(text, &end);
		if (strcmp(end, "s") != 0)
			seconds = 0;
	}
	free(text);
	if (!(seconds > 0))
		return 0;
	return clock_from_seconds(seconds < DELAY_MAX ? seconds : DELAY_MAX);
}

static void
read_details(struct http_error *e, struct json details)
{
	struct json_iter it;
	struct json d;

	if (json_type(details) != JSON_ARRAY)
		return;
	json_walk(&it, details);
	while (json_next(&it, NULL, &d)) {
		if (e->request_id == NULL && is_type(d, "RequestInfo"))
			e->request_id = scalar(json_get(d, "request_id"));
		if (is_type(d, "RetryInfo"))
			e->retry_delay = duration(json_get(d, "retry_delay"));
	}
}

/* RFC 7644, 3.12: {"detail": TEXT, "status": "404", "scimType": WORD} */
static void
read_scim(struct http_error *e, struct json body)
{
	char *detail = scalar(json_get(body, "detail")), *status = scalar(json_get(body, "status"));
	char *type = scalar(json_get(body, "scimType"));

	if (detail != NULL && strcmp(detail, "null") != 0 && e->message == NULL)
		e->message = type != NULL ? xasprintf("%s %s", type, detail) : xstrdup(detail);
	if (status != NULL && e->code == NULL)
		e->code = xasprintf("SCIM_%s", status);
	free(detail);
	free(status);
	free(type);
}

static void
read_object(struct http_error *e, struct json body)
{
	struct json error = json_get(body, "error");

	e->code = scalar(json_get(body, "error_code"));
	e->message = scalar(json_get(body, "message"));
	read_details(e, json_get(body, "details"));
	if (e->request_id == NULL)
		e->request_id = scalar(json_get(body, "request_id"));
	if (json_get(body, "detail").text != NULL)
		read_scim(e, body);
	if (json_type(error) == JSON_OBJECT) {
		if (e->code == NULL)
			e->code = scalar(json_get(error, "code"));
		if (e->message == NULL)
			e->message = scalar(json_get(error, "message"));
	} else if (json_get(body, "error_description").text != NULL) {
		/* RFC 6749, 5.2: what a token endpoint says */
		if (e->code == NULL)
			e->code = scalar(error);
		if (e->message == NULL)
			e->message = scalar(json_get(body, "error_description"));
	} else if (e->message == NULL) {
		e->message = scalar(error);
	}
}

/* What stands in the first element of that name; NULL when there is none. */
static char *
element(const char *body, const char *open, const char *close)
{
	const char *from = strcasestr(body, open), *to;
	struct buf text = BUF_INIT;

	if (from == NULL)
		return NULL;
	from = strchr(from, '>');
	to = from != NULL ? strcasestr(from, close) : NULL;
	if (to == NULL)
		return NULL;
	plain_put_html(&text, from + 1, (size_t)(to - from - 1));
	return one_line(&text);
}

/* "CODE: message" */
static bool
read_coded(struct http_error *e, const char *body)
{
	size_t n = strspn(body, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	struct buf text = BUF_INIT;

	if (n == 0 || strncmp(body + n, ": ", 2) != 0)
		return false;
	e->code = xmemdup0(body, n);
	buf_adds(&text, body + n + 2);
	e->message = one_line(&text);
	return true;
}

void
http_error_read(struct http_error *e, const char *body, size_t n, struct json json)
{
	struct buf text = BUF_INIT;
	const char *start;

	*e = (struct http_error){NULL, NULL, NULL, 0};
	if (n == 0)
		return;
	start = body + strspn(body, " \t\r\n");
	if (json_type(json) == JSON_OBJECT) {
		read_object(e, json);
		return;
	}
	if (read_coded(e, start))
		return;
	e->message = element(body, "<pre", "</pre>");
	if (e->message == NULL && *start == '<') {
		e->message = element(body, "<title", "</title>");
		if (e->message == NULL)
			e->message = xstrdup("a page of HTML");
	}
	if (e->message == NULL) {
		buf_add(&text, body, n < 4 * COLUMNS ? n : 4 * COLUMNS);
		e->message = one_line(&text);
	}
}

void
http_error_release(struct http_error *e)
{
	free(e->code);
	free(e->message);
	free(e->request_id);
	*e = (struct http_error){NULL, NULL, NULL, 0};
}

const char *
http_status_name(long status)
{
	static const struct {
		long status;
		const char *name;
	} names[] = {
		{300, "Multiple Choices"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
		{307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"},
		{403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {408, "Request Timeout"},
		{409, "Conflict"}, {413, "Content Too Large"}, {429, "Too Many Requests"},
		{500, "Internal Server Error"}, {501, "Not Implemented"}, {502, "Bad Gateway"},
		{503, "Service Unavailable"}, {504, "Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].status == status)
			return names[i].name;
	return "";
}
