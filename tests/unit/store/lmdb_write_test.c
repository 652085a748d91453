/* SPDX-License-Identifier: Apache-2.0 */
/* What batches promise: all or nothing, in order; that the destroyed are gone; and that callbacks may write. */
#include "tests/unit/store/store_kit.h"

/* ---- batches */

TEST(a_batch_with_one_bad_op_changes_nothing)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	char long_key[402];
	struct kit_heard h;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	memset(long_key, 'x', 401);
	long_key[401] = 0;
	add_create(&b, 2, "id2", "room", "b");
	add_state(&b, 1, "s");
	add_append(&b, 1, 1, "e");
	add_op(&b, TR_OP_BUSY, 1);
	add_put(&b, 1, "k", "v");
	add_put(&b, 1, long_key, "v");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, "id2").rc);
	assert_int_equal(0, find_id(&k.store, "id1").state_size);
	assert_int_equal(0, find_id(&k.store, "id1").seq);
	h = list_busy(&k.store);
	assert_true(heard_is(&h, "."));
	h = scan(&k.store, 1, "");
	assert_true(heard_is(&h, "."));
	assert_int_equal(2, new_actor(&k.store));
	create(&k, 2, "id2", "room", "b");
	kit_close(&k);
}

TEST(ops_take_effect_in_their_order)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_put(&b, 1, "k", "1");
	add_put(&b, 1, "k", "2");
	add_delete(&b, 1, "l");
	add_put(&b, 1, "l", "3");
	add_put(&b, 1, "m", "4");
	add_delete(&b, 1, "m");
	add_op(&b, TR_OP_BUSY, 1);
	add_op(&b, TR_OP_IDLE, 1);
	add_op(&b, TR_OP_IDLE, 1);
	assert_int_equal(0, commit(&k.store, &b));
	h = scan(&k.store, 1, "");
	assert_true(heard_is(&h, "k=2 l=3 ."));
	h = list_busy(&k.store);
	assert_true(heard_is(&h, "."));
	/* the key is free again at once, for another actor */
	add_op(&b, TR_OP_DESTROY, 1);
	add_create(&b, 2, "id2", "room", "a");
	add_put(&b, 2, "k", "of 2");
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(2, find_key(&k.store, "room", "a").num);
	h = scan(&k.store, 2, "");
	assert_true(heard_is(&h, "k=of 2 ."));
	kit_close(&k);
}

TEST(an_empty_batch_is_fine)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	assert_int_equal(0, commit(&k.store, &b));
	kit_close(&k);
}

TEST(ids_and_keys_and_numbers_belong_to_one_actor)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	add_create(&b, 2, "id1", "room", "b");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	add_create(&b, 2, "id2", "room", "a");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	add_create(&b, 1, "id2", "room", "b");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	create(&k, 2, "id2", "room", "b");
	kit_close(&k);
}

TEST(a_row_that_is_not_three_or_four_texts_is_refused)
{
	static const struct { const char *data; size_t size; } rows[] = {
		{ "", 0 }, { "id2\0room\0b", 10 }, { "id2\0room\0b\0x", 12 }, { "id2\0room\0", 9 }, { "\0room\0b\0", 8 },
		{ "id2\0room\0b\0x\0y", 15 },
	};
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	for (unsigned i = 0; i < 6; i++) {
		set_key(&b, add_op(&b, TR_OP_CREATE, 1), rows[i].data, rows[i].size);
		assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	}
	kit_close(&k);
}

TEST(writing_for_an_actor_that_never_was_is_refused)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	add_state(&b, 1, "s");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	kit_close(&k);
}

/* ---- destroyed actors */

static void fill_and_destroy(struct kit *k, unsigned entries)
{
	struct tr_batch b = { 0 };
	char key[16];

	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_state(&b, 1, "s");
	add_op(&b, TR_OP_BUSY, 1);
	for (unsigned i = 1; i <= entries; i++) {
		snprintf(key, sizeof(key), "item%u", i);
		add_append(&b, 1, i, "entry");
		add_put(&b, 1, key, "item");
		add_put(&b, 2, key, "kept");
		add_append(&b, 2, i, "kept");
	}
	assert_int_equal(0, commit(&k->store, &b));
	add_op(&b, TR_OP_DESTROY, 1);
	add_state(&b, 1, "ghost");
	add_append(&b, 1, entries + 1, "ghost");
	add_put(&b, 1, "item1", "ghost");
	add_op(&b, TR_OP_BUSY, 1);
	add_op(&b, TR_OP_DESTROY, 1);
	assert_int_equal(0, commit(&k->store, &b));
}

static void assert_gone(struct kit *k)
{
	struct kit_heard h;

	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k->store, "id1").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k->store, "room", "a").rc);
	h = list(&k->store, NULL, 0, 10);
	assert_true(heard_is(&h, "2/room/b ."));
	h = list(&k->store, "room", 0, 10);
	assert_true(heard_is(&h, "2/room/b ."));
	h = list_busy(&k->store);
	assert_true(heard_is(&h, "."));
	h = read_log(&k->store, 1, 0, 10, 1000);
	assert_true(heard_is(&h, "."));
	h = scan(&k->store, 1, "");
	assert_true(heard_is(&h, "."));
	assert_int_equal(TROUPE_ENOTFOUND, get(&k->store, 1, "item1").rc);
}

static size_t entries(struct kit *k, enum tr_table table)
{
	MDB_stat st;
	MDB_txn *txn;

	assert_int_equal(0, mdb_txn_begin(k->db->env, NULL, MDB_RDONLY, &txn));
	assert_int_equal(0, mdb_stat(txn, k->db->dbi[table], &st));
	mdb_txn_abort(txn);
	return st.ms_entries;
}

TEST(the_destroyed_are_gone_at_once_and_after_a_restart)
{
	struct kit k = { 0 };

	kit_open(&k);
	fill_and_destroy(&k, 10);
	assert_gone(&k);
	kit_reopen(&k);
	assert_gone(&k);
	assert_int_equal(3, new_actor(&k.store));
	kit_close(&k);
}

TEST(what_they_leave_is_deleted_in_bounded_pieces_also_across_a_restart)
{
	struct kit k = { 0 };
	size_t before, after;
	unsigned pieces = 0;
	bool more;

	kit_open(&k);
	fill_and_destroy(&k, 3000);
	assert_int_equal(6000, entries(&k, TR_TABLE_LOG));
	before = 12000;
	do {
		more = clean(&k.store);
		after = entries(&k, TR_TABLE_LOG) + entries(&k, TR_TABLE_ITEMS);
		assert_in_range(before - after, more ? 1 : 0, 1000);
		before = after;
		if (++pieces == 3)
			kit_reopen(&k);
	} while (more);
	assert_true(pieces >= 6);
	assert_int_equal(3000, entries(&k, TR_TABLE_LOG));
	assert_int_equal(3000, entries(&k, TR_TABLE_ITEMS));
	assert_int_equal(0, entries(&k, TR_TABLE_GONE));
	assert_int_equal(0, entries(&k, TR_TABLE_STATE));
	assert_int_equal(3000, find_id(&k.store, "id2").seq);
	assert_false(clean(&k.store));
	kit_close(&k);
}

TEST(a_destroyed_actors_number_is_never_used_again)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	create(&k, 7, "id7", "room", "b");
	add_op(&b, TR_OP_DESTROY, 7);
	assert_int_equal(0, commit(&k.store, &b));
	add_create(&b, 7, "id8", "room", "c");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	while (clean(&k.store))
		;
	kit_reopen(&k);
	assert_int_equal(8, new_actor(&k.store));
	kit_close(&k);
}

TEST(creating_and_destroying_in_one_batch_leaves_nothing)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_append(&b, 1, 1, "x");
	add_op(&b, TR_OP_DESTROY, 1);
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, "id1").rc);
	assert_false(clean(&k.store));
	assert_int_equal(0, entries(&k, TR_TABLE_LOG));
	kit_close(&k);
}

/* ---- callbacks that call the store again */

struct nested { struct kit *k; unsigned calls, map_grown; uint64_t seq; };

/* Commits more than the map has room for, and looks at what it was lent again afterwards. */
static void commit_much(struct nested *n)
{
	struct tr_batch b = { 0 };
	MDB_envinfo before, after;
	char *text = tr_alloc(600001);

	memset(text, 'm', 600000);
	assert_int_equal(0, mdb_env_info(n->k->db->env, &before));
	add_append(&b, 1, ++n->seq, text);
	assert_int_equal(0, commit(&n->k->store, &b));
	assert_int_equal(0, mdb_env_info(n->k->db->env, &after));
	n->map_grown += after.me_mapsize > before.me_mapsize;
	n->calls++;
	free(text);
}

static void on_row_commit(void *arg, int rc, const struct tr_actor_row *row)
{
	struct nested *n = arg;
	struct kit_heard h;
	char id[16];

	assert_int_equal(0, rc);
	if (!row)
		return;
	commit_much(n);
	h = list(&n->k->store, "odd", 0, 1);
	assert_true(heard_is(&h, "1/odd/id1 ."));
	snprintf(id, sizeof(id), "id%llu", (unsigned long long)row->num);
	assert_string_equal(id, row->id);
	assert_string_equal(id, row->key);
}

static void on_page_commit(void *arg, int rc, const struct tr_log_entry *entries_, size_t count, bool more)
{
	struct nested *n = arg;

	assert_int_equal(0, rc);
	assert_int_equal(3, count);
	assert_true(more);
	commit_much(n);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(i + 1, entries_[i].seq);
		assert_int_equal(600000, entries_[i].value.size);
		assert_int_equal('m', ((const char *)entries_[i].value.data)[599999]);
	}
}

static void on_found_commit(void *arg, int rc, const struct tr_actor_row *row, struct troupe_value state,
                            uint64_t seq)
{
	struct nested *n = arg;

	assert_int_equal(0, rc);
	assert_int_equal(n->seq, seq);
	commit_much(n);
	assert_string_equal("id1", row->id);
	assert_memory_equal("state", state.data, 5);
}

static void on_item_commit(void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	struct nested *n = arg;
	struct tr_batch b = { 0 };

	assert_int_equal(0, rc);
	if (!key.data)
		return;
	commit_much(n);
	assert_memory_equal("k", key.data, 1);
	assert_memory_equal("v", value.data, 1);
	add_delete(&b, 1, "k2"); /* ahead, in the chunk that was read already */
	add_put(&b, 1, "a", "behind");
	assert_int_equal(0, commit(&n->k->store, &b));
}

static void on_done_commit(void *arg, int rc)
{
	struct nested *n = arg;

	assert_int_equal(0, rc);
	commit_much(n);
}

TEST(callbacks_may_commit_even_when_that_moves_the_map)
{
	struct kit k = { 0 };
	struct nested n = { .k = &k };
	struct tr_batch b = { 0 };

	kit_open(&k);
	create_many(&k, 70);
	add_state(&b, 1, "state");
	add_put(&b, 1, "k1", "v");
	add_put(&b, 1, "k2", "v");
	assert_int_equal(0, commit(&k.store, &b));
	k.store.ops->list(k.store.ctx, "default", NULL, 0, 70, on_row_commit, &n);
	assert_int_equal(70, n.calls);
	k.store.ops->read_log(k.store.ctx, 1, 0, 3, SIZE_MAX, on_page_commit, &n);
	k.store.ops->find(k.store.ctx, "id1", NULL, NULL, NULL, on_found_commit, &n);
	k.store.ops->scan(k.store.ctx, 1, (struct troupe_text){ "k", 1 }, (struct troupe_text){ 0 }, 0, on_item_commit, &n);
	k.store.ops->commit(k.store.ctx, &b, on_done_commit, &n);
	tr_lmdb_wait(k.db);
	assert_int_equal(75, n.calls);
	assert_true(n.map_grown >= 5);
	assert_int_equal(n.seq, find_id(&k.store, "id1").seq);
	kit_close(&k);
}

/* ---- what actors owe */

TEST(what_a_destroyed_actor_owes_becomes_the_servers)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	create(&k, 2, "id2", "room", "b");
	add_put(&b, 1, "owed", "no");
	add_put(&b, 1, "owed/sandbox", "x");
	add_put(&b, 1, "owed/agent/7", "y");
	add_put(&b, 1, "owee", "no");
	add_put(&b, 2, "owed/sandbox", "z");
	assert_int_equal(0, commit(&k.store, &b));
	h = scan(&k.store, TR_NOBODY, "");
	assert_true(heard_is(&h, "."));
	add_op(&b, TR_OP_DESTROY, 1);
	assert_int_equal(0, commit(&k.store, &b));
	while (clean(&k.store))
		;
	h = scan(&k.store, TR_NOBODY, "owed/");
	assert_true(heard_is(&h, "owed/00000000000000000001/agent/7=y owed/00000000000000000001/sandbox=x ."));
	h = scan(&k.store, 2, "owed/");
	assert_true(heard_is(&h, "owed/sandbox=z ."));
	kit_reopen(&k);
	add_put(&b, TR_NOBODY, "owed/00000000000000000001/sandbox", "w");
	add_delete(&b, TR_NOBODY, "owed/00000000000000000001/agent/7");
	assert_int_equal(0, commit(&k.store, &b));
	h = scan(&k.store, TR_NOBODY, "owed/");
	assert_true(heard_is(&h, "owed/00000000000000000001/sandbox=w ."));
	kit_close(&k);
}

TEST(nobody_has_items_and_nothing_else)
{
	static const enum tr_op_kind others[] = { TR_OP_DESTROY, TR_OP_STATE, TR_OP_APPEND, TR_OP_BUSY, TR_OP_IDLE };
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		add_op(&b, others[i], TR_NOBODY);
		assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	}
	kit_close(&k);
}

TESTS(
	RUN(what_a_destroyed_actor_owes_becomes_the_servers),
	RUN(nobody_has_items_and_nothing_else),
	RUN(a_batch_with_one_bad_op_changes_nothing),
	RUN(ops_take_effect_in_their_order),
	RUN(an_empty_batch_is_fine),
	RUN(ids_and_keys_and_numbers_belong_to_one_actor),
	RUN(a_row_that_is_not_three_or_four_texts_is_refused),
	RUN(writing_for_an_actor_that_never_was_is_refused),
	RUN(the_destroyed_are_gone_at_once_and_after_a_restart),
	RUN(what_they_leave_is_deleted_in_bounded_pieces_also_across_a_restart),
	RUN(a_destroyed_actors_number_is_never_used_again),
	RUN(creating_and_destroying_in_one_batch_leaves_nothing),
	RUN(callbacks_may_commit_even_when_that_moves_the_map)
)
