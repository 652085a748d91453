/* SPDX-License-Identifier: Apache-2.0 */
/* The page: the files of clients/web and clients/js, linked into the program and served from it. */
#ifndef TR_GATE_PAGE_H
#define TR_GATE_PAGE_H

#include "proto/troupe_record.h"

struct tr_page_file {
	const char *path; /* of the URL: "/", "/app.js", "/troupe.js" */
	const char *type;
	const char *etag; /* in its quotes */
	const char *data;
	size_t      size;
};

/* Ends with { 0 }. runtime/gate/embed.sh writes it. */
extern const struct tr_page_file tr_page_files[];

/* NULL: there is no such file. */
const struct tr_page_file *tr_page_find(struct troupe_text path);

/* Does the value of If-None-Match (data NULL: none) name the file as it is? */
bool tr_page_matches(const struct tr_page_file *f, struct troupe_text if_none_match);

/* Header lines that go with every file: it is checked with us each time, runs only scripts of ours, and talks to us alone. */
extern const char tr_page_headers[];

#endif
