/* SPDX-License-Identifier: Apache-2.0 */
/* The page: looking its files up. See page.h. */
#include "runtime/gate/page.h"

#include "runtime/gate/text.h"

const char tr_page_headers[] =
	"Cache-Control: no-cache\r\n"
	"Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"X-Content-Type-Options: nosniff\r\n";

const struct tr_page_file *tr_page_find(struct troupe_text path)
{
	for (const struct tr_page_file *f = tr_page_files; f->path; f++)
		if (tr_text_is(path, f->path))
			return f;
	return NULL;
}

bool tr_page_matches(const struct tr_page_file *f, struct troupe_text if_none_match)
{
	struct troupe_text tag;

	while (tr_text_split(&if_none_match, ',', &tag)) {
		tag = tr_text_trim(tag);
		tr_text_skip_nocase(&tag, "W/"); /* weak or not makes no difference here: RFC 9110, 13.1.2 */
		if (tr_text_is(tag, "*") || tr_text_is(tag, f->etag))
			return true;
	}
	return false;
}
