/* SPDX-License-Identifier: Apache-2.0 */
/* The world's store, for the files of the world alone: world_store.c reads, world_commit.c writes, world_late.c stands in front
 * of both and answers later. */
#ifndef TR_TESTS_KIT_WORLD_STORE_H
#define TR_TESTS_KIT_WORLD_STORE_H

#include "tests/kit/world.h"

struct tr_world_bytes { void *data; size_t size; };
struct tr_world_item { char *key; size_t key_size; struct tr_world_bytes value; };
struct tr_world_alarm { uint64_t id; int64_t at_ms; struct tr_world_bytes value; };

struct tr_world_row {
	struct tr_actor_row row;
	bool                   destroyed, busy;
	struct tr_world_bytes  state, *log;
	size_t                 log_count;
	struct tr_world_item  *items;        /* in order of their keys' bytes */
	size_t                 item_count;
	struct tr_world_alarm *alarms;       /* in order of id */
	size_t                 alarm_count;
};

extern const struct tr_store_ops tr_world_store_ops; /* answers before the call returns, unless it is held */
extern const struct tr_store_ops tr_world_late_ops;  /* queues what is asked, for tr_world_answer */

/* NULL: there is none, or none any more. TR_NOBODY's is made by the first look. */
struct tr_world_row *tr_world_row(struct tr_world *w, uint64_t num);
struct tr_world_bytes tr_world_copy(const void *data, size_t size);
void tr_world_store_commit(void *ctx, const struct tr_batch *batch, void (*on_done)(void *arg, int rc), void *arg);
/* Of the commit that was asked for; NULL: none was. */
const struct tr_batch *tr_world_late_batch(const struct tr_world *w);
void tr_world_rows_free(struct tr_world *w);

#endif
