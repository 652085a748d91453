/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that one does with lent text in HTTP: compare, trim, take apart, undo percent-encoding. No state, no I/O. */
#ifndef TR_GATE_TEXT_H
#define TR_GATE_TEXT_H

#include "proto/text.h"

bool tr_text_is(struct troupe_text t, const char *what);        /* to the byte */
bool tr_text_is_nocase(struct troupe_text t, const char *what); /* ASCII letters without case */
bool tr_text_same_nocase(struct troupe_text a, struct troupe_text b);
bool tr_text_begins(struct troupe_text t, const char *prefix);
/* False, and nothing is changed, when t does not begin with prefix; else t is what follows it. */
bool tr_text_skip(struct troupe_text *t, const char *prefix);
bool tr_text_skip_nocase(struct troupe_text *t, const char *prefix);

/* Takes the part of *rest before `separator` away from it, together with the separator; what was the last part leaves
 * rest->data NULL. False when rest->data is NULL: so a loop sees every part, empty ones too. */
bool tr_text_split(struct troupe_text *rest, char separator, struct troupe_text *part);
/* Without the spaces and tabs around it. */
struct troupe_text tr_text_trim(struct troupe_text t);

/* Appends the text with %XX undone; an escape that is none stays as it is. form: "+" is a space. */
void tr_text_percent_decode(struct tr_bytes *out, struct troupe_text t, bool form);
/* How many bytes that would append. */
size_t tr_text_percent_size(struct troupe_text t);

/* Fit for the core, which takes names as C strings: UTF-8 and without U+0000. */
bool tr_text_clean(struct troupe_text t);

/* In a time that tells nothing of where they differ. */
bool tr_text_same_secret(struct troupe_text a, struct troupe_text b);

#endif
