#include "databricks/import.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "notebook/source.h"

#define IMPORT_BYTES_MAX ((size_t)10 * 1024 * 1024)	/* the workspace's own limit */

static void
put_base64(struct json_out *o, const struct buf *content)
{
	size_t n = 4 * ((content->len + 2) / 3);
	char *text = xmalloc(n + 1);

	if (content->len > 0)
		EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)content->data, (int)content->len);
	text[content->len > 0 ? n : 0] = '\0';
	json_out_str(o, text);
	free(text);
}

static void
put_import(struct buf *body, const char *file, const char *path, const struct buf *content)
{
	static const char *const languages[LANGUAGES] = {
		[LANGUAGE_PYTHON] = "PYTHON", [LANGUAGE_SQL] = "SQL", [LANGUAGE_R] = "R", [LANGUAGE_SCALA] = "SCALA",
	};
	struct json_out o = JSON_OUT(body, -1, 0);
	enum cell_language l;
	bool source = source_header(file, &l) != NULL;

	json_out_open(&o, '{');
	json_out_key(&o, "path");
	json_out_str(&o, path);
	json_out_key(&o, "format");
	json_out_str(&o, source ? "SOURCE" : "JUPYTER");
	if (source) {
		json_out_key(&o, "language");
		json_out_str(&o, languages[l]);
	}
	json_out_key(&o, "overwrite");
	json_out_bool(&o, true);
	json_out_key(&o, "content");
	put_base64(&o, content);
	json_out_close(&o, '}');
}

static void
post(struct http *h, const char *path, const char *body, enum endpoint endpoint, struct http_answer *a)
{
	const struct http_request r = {
		.method = "POST", .path = path, .body = body, .endpoint = endpoint, .repeatable = true,
	};

	http_call(h, &r, a);
}

/* Makes the folder of a path. */
static void
make_folder(struct http *h, const char *path)
{
	char *folder = file_folder(path);
	struct buf body = BUF_INIT;
	struct json_out o = JSON_OUT(&body, -1, 0);
	struct http_answer a;

	json_out_open(&o, '{');
	json_out_key(&o, "path");
	json_out_str(&o, folder);
	json_out_close(&o, '}');
	post(h, "/api/2.0/workspace/mkdirs", buf_str(&body), ENDPOINT_OTHER,
	    &a);	/* the import that follows says what is wrong */
	http_answer_release(&a);
	buf_release(&body);
	free(folder);
}

/* Whether the folder is not there: 404, and elsewhere 400 RESOURCE_DOES_NOT_EXIST. */
static bool
lacks_folder(const struct http_answer *a)
{
	return a->result == HTTP_REFUSED && (a->status == 404 ||
	    (a->code != NULL && strcmp(a->code, "RESOURCE_DOES_NOT_EXIST") == 0));
}

int
import_notebook(struct http *h, const char *file, const char *path, char digest[DIGEST_TEXT], char **why)
{
	struct buf content = BUF_INIT, body = BUF_INIT;
	struct http_answer a;

	*why = NULL;
	if (file_read_regular(file, &content, IMPORT_BYTES_MAX) == -1) {
		*why = xasprintf("cannot import '%s' to '%s': %s", file, path, errno == EFBIG ?
		    "it is larger than 10 MiB, which is the workspace's limit" : strerror(errno));
	} else {
		digest_bytes(digest, content.data, content.len);
		put_import(&body, file, path, &content);
		post(h, "/api/2.0/workspace/import", buf_str(&body), ENDPOINT_IMPORT, &a);
		if (lacks_folder(&a)) {
			http_answer_release(&a);
			make_folder(h, path);
			post(h, "/api/2.0/workspace/import", buf_str(&body), ENDPOINT_IMPORT, &a);
		}
		if (a.result != HTTP_OK)
			*why = xasprintf("cannot import '%s' to '%s': %s", file, path,
			    a.message != NULL ? a.message : "there was no answer");
		http_answer_release(&a);
	}
	buf_release(&content);
	buf_release(&body);
	return *why == NULL ? 0 : -1;
}
