#include "html/asset.h"

#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"
#include "src/html/asset_source.h"

static const char *const *const sources[] = {
	[ASSET_COPY_CSS] = copy_css,
	[ASSET_COPY_JS] = copy_js,
	[ASSET_PAGE_CSS] = page_css,
	[ASSET_PAGE_JS] = page_js,
};

void
asset_put(struct buf *b, enum asset asset)
{
	for (const char *const *line = sources[asset]; *line != NULL; line++)
		buf_adds(b, *line);
}

const char *
asset_policy(enum asset asset, char policy[ASSET_POLICY])
{
	unsigned char digest[EVP_MAX_MD_SIZE], text[EVP_MAX_MD_SIZE * 2];
	struct buf source = BUF_INIT;
	unsigned n;

	asset_put(&source, asset);
	if (EVP_Digest(source.data, source.len, digest, &n, EVP_sha256(), NULL) != 1)
		log_fatal("cannot compute SHA-256");
	buf_release(&source);
	EVP_EncodeBlock(text, digest, (int)n);
	snprintf(policy, ASSET_POLICY, "'sha256-%.44s'", (const char *)text);
	return policy;
}
