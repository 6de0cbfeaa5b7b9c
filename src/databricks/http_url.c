#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "databricks/http_try.h"

void
http_query(struct buf *query, const char *name, const char *value)
{
	if (query->len > 0)
		buf_addc(query, '&');
	buf_addf(query, "%s=", name);
	for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
		if (*p < 0x80 && (isalnum(*p) || strchr("-._~", *p) != NULL))
			buf_addc(query, (char)*p);
		else
			buf_addf(query, "%%%02X", *p);
	}
}

void
http_query_int(struct buf *query, const char *name, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	http_query(query, name, text);
}

bool
http_url_is_private(const char *url)
{
	const char *host;
	size_t n;

	if (strncasecmp(url, "https://", 8) == 0)
		return true;
	if (strncasecmp(url, "http://", 7) != 0)
		return false;
	host = url + 7;
	n = strcspn(host, "/?#");
	if (memchr(host, '@', n) != NULL || memchr(host, '\\', n) != NULL)
		return false;
	if (n >= 5 && strncmp(host, "[::1]", 5) == 0)
		return n == 5 || host[5] == ':';
	n = strcspn(host, ":/?#");
	if (n == 9 && strncasecmp(host, "localhost", 9) == 0)
		return true;
	return n > 4 && strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}
