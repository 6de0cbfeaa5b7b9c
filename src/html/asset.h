/*
 * What the pages are made of besides what they show: style sheets and scripts, which are part of the program.
 */
#ifndef NBFORK_HTML_ASSET_H
#define NBFORK_HTML_ASSET_H

#include "base/buf.h"

enum asset {
	ASSET_COPY_CSS,
	ASSET_COPY_JS,
	ASSET_PAGE_CSS,
	ASSET_PAGE_JS,
};

/* Appends its text, for the element that has nothing else in it. */
void asset_put(struct buf *b, enum asset asset);

/*
 * Writes how a Content-Security-Policy allows that element: "'sha256-...'". Returns policy.
 */
#define ASSET_POLICY 64
const char *asset_policy(enum asset asset, char policy[ASSET_POLICY]);

#endif
