/* SPDX-License-Identifier: Apache-2.0 */
/* Durable items are packed maps; members that are missing, or of another kind, read as nothing. */
#ifndef TR_SANDBOX_ITEMS_H
#define TR_SANDBOX_ITEMS_H

#include "proto/value.h"

/* Members of a map that tr_put_map has announced. */
void tr_item_put_text(struct tr_bytes *out, const char *name, const char *text); /* NULL: nil */
void tr_item_put_number(struct tr_bytes *out, const char *name, int64_t n);
void tr_item_put_packed(struct tr_bytes *out, const char *name, const struct tr_bytes *packed); /* empty: nil */
void tr_item_put_bytes(struct tr_bytes *out, const char *name, const struct tr_bytes *b);

/* "" when it is missing or does not fit. */
void    tr_item_text(struct troupe_value v, const char *name, char *into, size_t room);
char   *tr_item_new_text(struct troupe_value v, const char *name); /* NULL: there is none */
void    tr_item_bytes(struct troupe_value v, const char *name, struct tr_bytes *into);
int64_t tr_item_number(struct troupe_value v, const char *name);

#endif
