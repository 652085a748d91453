/* SPDX-License-Identifier: Apache-2.0 */
/* The store port on LMDB, function by function, as its users see it. */
#include "tests/unit/store/store_kit.h"

/* ---- find */

TEST(a_created_actor_is_found_by_id_and_by_key)
{
	struct kit k = { 0 };
	struct kit_found f;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a/b");
	f = find_id(&k.store, "id1");
	assert_int_equal(0, f.rc);
	assert_int_equal(1, f.num);
	assert_string_equal("room", f.name);
	assert_string_equal("a/b", f.key);
	assert_int_equal(1001, f.created_ms);
	assert_int_equal(0, f.seq);
	assert_int_equal(0, f.state_size);
	f = find_key(&k.store, "room", "a/b");
	assert_int_equal(0, f.rc);
	assert_string_equal("id1", f.id);
	kit_close(&k);
}

TEST(who_was_not_created_is_not_found)
{
	struct kit k = { 0 };
	char *long_text = tr_alloc(5001);

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	memset(long_text, 'x', 5000);
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, "id").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, "").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, long_text).rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, "room", "b").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, "rooma", "").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, "", "").rc);
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, long_text, long_text).rc);
	free(long_text);
	kit_close(&k);
}

TEST(keys_of_a_thousand_bytes_are_kept_apart_by_their_last_byte)
{
	struct kit k = { 0 };
	char key[1025];

	kit_open(&k);
	memset(key, 'k', 1024);
	key[1024] = 0;
	create(&k, 1, "id1", "room", key);
	key[1023] = 'l';
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, "room", key).rc);
	create(&k, 2, "id2", "room", key);
	assert_int_equal(2, find_key(&k.store, "room", key).num);
	key[1023] = 'k';
	assert_int_equal(1, find_key(&k.store, "room", key).num);
	kit_close(&k);
}

TEST(a_digest_that_fits_another_key_finds_nothing)
{
	struct kit k = { 0 };
	struct tr_lmdb_key digest;
	uint8_t num[8] = { 0, 0, 0, 0, 0, 0, 0, 1 };
	MDB_val key, value = tr_val(num, 8);
	MDB_txn *txn;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	assert_int_equal(0, tr_key_digest(k.db->loop.digest, &digest, "default", "room", "collides"));
	assert_int_equal(0, mdb_txn_begin(k.db->env, NULL, 0, &txn));
	key = tr_key_val(&digest);
	assert_int_equal(0, mdb_put(txn, k.db->dbi[TR_TABLE_KEYS], &key, &value, 0));
	assert_int_equal(0, mdb_txn_commit(txn));
	assert_int_equal(TROUPE_ENOTFOUND, find_key(&k.store, "room", "collides").rc);
	kit_close(&k);
}

/* ---- namespaces */

/* "b" in "a", and "a" with a kind "b", are made of the same texts. */
TEST(namespaces_are_kept_apart)
{
	static const char *const names[][3] = { /* namespace, name, key */
		{ "default", "room", "a" }, { "one", "room", "a" }, { "two", "room", "a" }, { "default", "one", "room" },
		{ "room", "a", "b" }, { "one", "hall", "a" },
	};
	struct kit k = { 0 };
	struct kit_heard h;

	kit_open(&k);
	for (uint64_t i = 0; i < 6; i++) {
		struct tr_batch b = { 0 };
		char id[8];

		snprintf(id, sizeof(id), "id%u", (unsigned)i + 1);
		add_create_in(&b, i + 1, id, names[i][0], names[i][1], names[i][2]);
		assert_int_equal(0, commit(&k.store, &b));
	}
	kit_reopen(&k);
	for (uint64_t i = 0; i < 6; i++) {
		struct kit_found f = find_key_in(&k.store, names[i][0], names[i][1], names[i][2]);

		assert_int_equal(i + 1, f.num);
		assert_string_equal(names[i][0], find_id(&k.store, f.id).namespace);
	}
	assert_int_equal(TROUPE_ENOTFOUND, find_key_in(&k.store, "three", "room", "a").rc);
	h = list(&k.store, "room", 0, 10);
	assert_true(heard_is(&h, "1/room/a ."));
	h = list(&k.store, "one", 0, 10);
	assert_true(heard_is(&h, "4/one/room ."));
	h = list(&k.store, NULL, 0, 2);
	assert_true(heard_is(&h, "1/room/a 4/one/room ."));
	h = list_in(&k.store, "one", "room", 0, 10);
	assert_true(heard_is(&h, "2/room/a ."));
	h = list_in(&k.store, "one", NULL, 0, 10);
	assert_true(heard_is(&h, "2/room/a 6/hall/a ."));
	h = list_in(&k.store, "one", NULL, 2, 10);
	assert_true(heard_is(&h, "6/hall/a ."));
	h = list_in(&k.store, "three", NULL, 0, 10);
	assert_true(heard_is(&h, "."));
	kit_close(&k);
}

TEST(an_actor_of_a_namespace_leaves_nothing_behind)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;

	kit_open(&k);
	for (uint64_t num = 1; num <= 3; num++) {
		add_create_in(&b, num, num == 1 ? "id1" : num == 2 ? "id2" : "id3", "one", "room", "a");
		assert_int_equal(0, commit(&k.store, &b));
		add_op(&b, TR_OP_DESTROY, num);
		assert_int_equal(0, commit(&k.store, &b));
	}
	h = list_in(&k.store, "one", NULL, 0, 10);
	assert_true(heard_is(&h, "."));
	h = list_in(&k.store, "one", "room", 0, 10);
	assert_true(heard_is(&h, "."));
	kit_close(&k);
}

/* So a data directory that has no other namespace is one that older versions wrote and can read. */
TEST(the_default_namespace_is_stored_as_if_there_were_no_others)
{
	static const char row[] = "\0\0\0\0\0\0\x03\xe9" "id1\0room\0a";
	struct kit k = { 0 };
	struct tr_lmdb_key key;
	MDB_val stored;
	MDB_txn *txn;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	assert_int_equal(0, tr_lmdb_read_begin(k.db, &txn));
	assert_int_equal(0, tr_lmdb_row(k.db, txn, 1, &stored));
	assert_int_equal(sizeof(row), stored.mv_size);
	assert_memory_equal(row, stored.mv_data, sizeof(row));
	assert_true(tr_key_name(&key, "default", "room", 1));
	assert_int_equal(13, key.size);
	assert_int_equal(0, tr_lmdb_at(k.db, txn, TR_TABLE_NAMES, &key, &stored));
	tr_lmdb_read_end(k.db);
	kit_close(&k);
}

TEST(state_is_replaced_and_taken_away)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_state(&b, 1, "old");
	add_state(&b, 1, "newer");
	assert_int_equal(0, commit(&k.store, &b));
	assert_string_equal("newer", find_id(&k.store, "id1").state);
	add_state(&b, 1, "");
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(0, find_id(&k.store, "id1").state_size);
	kit_close(&k);
}

/* ---- the log */

TEST(find_tells_the_newest_seq_among_neighbours)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	for (uint64_t num = 1; num <= 4; num++) {
		char id[8];

		snprintf(id, sizeof(id), "id%d", (int)num);
		add_create(&b, num, id, "room", id);
	}
	for (uint64_t seq = 1; seq <= 300; seq++)
		add_append(&b, 2, seq, "x");
	add_append(&b, 4, 1, "y");
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(0, find_id(&k.store, "id1").seq);
	assert_int_equal(300, find_id(&k.store, "id2").seq);
	assert_int_equal(0, find_id(&k.store, "id3").seq);
	assert_int_equal(1, find_id(&k.store, "id4").seq);
	kit_close(&k);
}

TEST(a_page_of_log_ends_at_its_limits_but_has_one_entry_at_least)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_append(&b, 1, 1, "aaaa");
	add_append(&b, 1, 2, "bbbb");
	add_append(&b, 1, 3, "cccc");
	add_append(&b, 2, 1, "other");
	assert_int_equal(0, commit(&k.store, &b));
	h = read_log(&k.store, 1, 0, 10, 1000);
	assert_true(heard_is(&h, "1:aaaa 2:bbbb 3:cccc ."));
	h = read_log(&k.store, 1, 1, 10, 1000);
	assert_true(heard_is(&h, "2:bbbb 3:cccc ."));
	h = read_log(&k.store, 1, 0, 2, 1000);
	assert_true(heard_is(&h, "1:aaaa 2:bbbb +"));
	h = read_log(&k.store, 1, 0, 10, 8);
	assert_true(heard_is(&h, "1:aaaa 2:bbbb +"));
	h = read_log(&k.store, 1, 0, 10, 11);
	assert_true(heard_is(&h, "1:aaaa 2:bbbb +"));
	h = read_log(&k.store, 1, 0, 10, 1);
	assert_true(heard_is(&h, "1:aaaa +"));
	h = read_log(&k.store, 1, 2, 0, 0);
	assert_true(heard_is(&h, "3:cccc ."));
	h = read_log(&k.store, 1, 3, 10, 1000);
	assert_true(heard_is(&h, "."));
	h = read_log(&k.store, 1, UINT64_MAX, 10, 1000);
	assert_true(heard_is(&h, "."));
	h = read_log(&k.store, 77, 0, 10, 1000);
	assert_true(heard_is(&h, "."));
	kit_close(&k);
}

TEST(entries_of_every_size_come_back_to_the_byte)
{
	static const size_t sizes[] = { 0, 1, 100, 1900, 2100, 4096, 70000, 3000000 };
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	for (unsigned i = 0; i < 8; i++) {
		char *text = tr_alloc(sizes[i] + 1);

		memset(text, 'a' + (int)i, sizes[i]);
		add_append(&b, 1, i + 1, text);
		free(text);
	}
	assert_int_equal(0, commit(&k.store, &b));
	for (unsigned i = 0; i < 8; i++) {
		struct kit_heard h = read_log(&k.store, 1, i, 1, SIZE_MAX);

		assert_int_equal(1, h.count);
		assert_int_equal(sizes[i] + 4, h.text.size); /* "n:" and " +" */
		assert_int_equal(sizes[i], strspn(tr_bytes_text(&h.text) + 2, (char[]){ (char)('a' + i), 0 }));
		tr_bytes_free(&h.text);
	}
	kit_close(&k);
}

TEST(a_batch_that_would_leave_a_hole_is_refused_whole)
{
	static const uint64_t wrong[] = { 0, 1, 2, 4, UINT64_MAX };
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_append(&b, 1, 1, "x");
	add_append(&b, 1, 2, "y");
	assert_int_equal(0, commit(&k.store, &b));
	for (unsigned i = 0; i < 5; i++) {
		add_state(&b, 1, "never");
		add_append(&b, 1, wrong[i], "z");
		assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	}
	add_append(&b, 2, 2, "z");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	assert_int_equal(0, find_id(&k.store, "id1").state_size);
	assert_int_equal(2, find_id(&k.store, "id1").seq);
	kit_close(&k);
}

/* ---- items */

TEST(items_are_scanned_by_prefix_in_byte_order)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	char limit[401];
	struct kit_heard h;

	kit_open(&k);
	memset(limit, 'z', 400);
	limit[400] = 0;
	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_put(&b, 1, "b/2", "3");
	add_put(&b, 1, "b/\xff", "4");
	add_put(&b, 1, "b/1", "2");
	add_put(&b, 1, "b", "1");
	add_put(&b, 1, "c", "");
	add_put(&b, 1, "", "empty");
	add_put(&b, 1, limit, "longest");
	add_put(&b, 2, "b/3", "other");
	assert_int_equal(0, commit(&k.store, &b));
	h = scan(&k.store, 1, "b/");
	assert_true(heard_is(&h, "b/1=2 b/2=3 b/\xff=4 ."));
	h = keys(&k.store, 1, "b/");
	assert_true(heard_is(&h, "b/1= b/2= b/\xff= ."));
	h = keys(&k.store, 3, "b/");
	assert_true(heard_is(&h, "."));
	h = scan(&k.store, 1, "c");
	assert_true(heard_is(&h, "c= ."));
	h = scan_after(&k.store, 1, "b/", "", 2);
	assert_true(heard_is(&h, "b/1=2 b/2=3 ."));
	h = scan_after(&k.store, 1, "b/", "b/1", 1);
	assert_true(heard_is(&h, "b/2=3 ."));
	h = scan_after(&k.store, 1, "b/", "b/1x", 5);
	assert_true(heard_is(&h, "b/2=3 b/\xff=4 ."));
	h = scan_after(&k.store, 1, "b/", "b/\xff", 5);
	assert_true(heard_is(&h, "."));
	h = scan(&k.store, 1, "");
	assert_int_equal(7, h.count);
	tr_bytes_free(&h.text);
	h = get(&k.store, 1, "");
	assert_true(heard_is(&h, "empty"));
	h = get(&k.store, 1, limit);
	assert_true(heard_is(&h, "longest"));
	h = get(&k.store, 1, "c");
	assert_true(heard_is(&h, ""));
	assert_int_equal(TROUPE_ENOTFOUND, get(&k.store, 1, "b/3").rc);
	assert_int_equal(TROUPE_ENOTFOUND, get(&k.store, 3, "b").rc);
	kit_close(&k);
}

TEST(item_keys_over_the_limit_are_nowhere)
{
	struct kit k = { 0 };
	char key[402];
	struct kit_heard h;

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	memset(key, 'z', 401);
	key[401] = 0;
	assert_int_equal(TROUPE_ENOTFOUND, get(&k.store, 1, key).rc);
	h = scan(&k.store, 1, key);
	assert_true(heard_is(&h, "."));
	kit_close(&k);
}

/* ---- many */

TEST(actors_are_listed_by_number_after_one_up_to_a_limit)
{
	struct kit k = { 0 };
	struct kit_heard h;

	kit_open(&k);
	create_many(&k, 1000);
	h = list(&k.store, NULL, 0, 3);
	assert_true(heard_is(&h, "1/odd/id1 2/even/id2 3/odd/id3 ."));
	h = list(&k.store, "even", 3, 2);
	assert_true(heard_is(&h, "4/even/id4 6/even/id6 ."));
	h = list(&k.store, "even", 998, 2);
	assert_true(heard_is(&h, "1000/even/id1000 ."));
	h = list(&k.store, "eve", 0, 10);
	assert_true(heard_is(&h, "."));
	h = list(&k.store, "", 0, 10);
	assert_true(heard_is(&h, "."));
	h = list(&k.store, NULL, 0, 0);
	assert_true(heard_is(&h, "."));
	h = list(&k.store, NULL, UINT64_MAX, 10);
	assert_true(heard_is(&h, "."));
	h = list(&k.store, "odd", UINT64_MAX, 10);
	assert_true(heard_is(&h, "."));
	h = list(&k.store, "odd", 0, UINT32_MAX);
	assert_int_equal(500, h.count);
	tr_bytes_free(&h.text);
	h = list(&k.store, NULL, 0, 129);
	assert_int_equal(129, h.count);
	tr_bytes_free(&h.text);
	h = list_busy(&k.store);
	assert_int_equal(100, h.count);
	tr_bytes_free(&h.text);
	kit_close(&k);
}

/* ---- reopening, growing */

TEST(a_number_for_an_actor_is_given_once)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	uint64_t first, second;

	kit_open(&k);
	first = new_actor(&k.store);
	second = new_actor(&k.store);
	assert_true(first > 0 && second > first);
	add_create(&b, first, "id1", "room", "a");
	assert_int_equal(0, commit(&k.store, &b));
	assert_true(new_actor(&k.store) > second);
	kit_reopen(&k);
	assert_int_equal(second, new_actor(&k.store)); /* nobody saw it */
	kit_close(&k);
}

TEST(everything_is_there_after_reopening)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h;
	char epoch[17];

	kit_open(&k);
	assert_int_equal(1, k.store.boots);
	assert_int_equal(1, new_actor(&k.store));
	assert_int_equal(16, strspn(k.store.epoch, "0123456789abcdefghijklmnopqrstuvwxyz"));
	snprintf(epoch, sizeof(epoch), "%s", k.store.epoch);
	add_create(&b, 1, "id1", "room", "a");
	add_state(&b, 1, "s");
	add_append(&b, 1, 1, "x");
	add_put(&b, 1, "k", "v");
	add_op(&b, TR_OP_BUSY, 1);
	assert_int_equal(0, commit(&k.store, &b));
	kit_reopen(&k);
	assert_int_equal(2, k.store.boots);
	assert_int_equal(2, new_actor(&k.store));
	assert_string_equal(epoch, k.store.epoch);
	assert_string_equal("s", find_id(&k.store, "id1").state);
	assert_int_equal(1, find_key(&k.store, "room", "a").seq);
	h = get(&k.store, 1, "k");
	assert_true(heard_is(&h, "v"));
	h = list_busy(&k.store);
	assert_true(heard_is(&h, "1/room/a ."));
	kit_reopen(&k);
	assert_int_equal(3, k.store.boots);
	kit_close(&k);
}

TEST(one_batch_may_need_the_map_to_grow_many_times)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	MDB_envinfo info;

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	for (unsigned i = 1; i <= 20000; i++)
		add_append(&b, 1, i, "a hundred bytes or so of text, twenty thousand times: that is two megabytes and more,"
		                     " and the map has 128 KiB");
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(20000, find_id(&k.store, "id1").seq);
	assert_int_equal(0, mdb_env_info(k.db->env, &info));
	assert_in_range(info.me_mapsize, 16 * 128 * 1024, 8 << 20);
	kit_reopen(&k);
	assert_int_equal(20000, find_id(&k.store, "id1").seq);
	kit_close(&k);
}

TEST(a_map_at_its_limit_is_a_full_disk)
{
	const struct tr_lmdb_sizes sizes = { 128 * 1024, 1024 * 1024 };
	struct kit k = { .dir = tr_tmpdir_new() };
	struct tr_batch b = { 0 };
	char why[256] = "", *text = tr_alloc(2000001);

	assert_int_equal(0, tr_lmdb_open_sized(&k.db, k.dir, &sizes, why, sizeof(why)));
	k.store = tr_lmdb_store(k.db);
	memset(text, 'x', 2000000);
	add_create(&b, 1, "id1", "room", "a");
	add_append(&b, 1, 1, text);
	assert_int_equal(TROUPE_EFULL, commit(&k.store, &b));
	assert_int_equal(TROUPE_ENOTFOUND, find_id(&k.store, "id1").rc);
	text[100000] = 0;
	add_create(&b, 1, "id1", "room", "a");
	add_append(&b, 1, 1, text);
	assert_int_equal(0, commit(&k.store, &b));
	assert_int_equal(1, find_id(&k.store, "id1").seq);
	free(text);
	kit_close(&k);
}

TESTS(
	RUN(a_created_actor_is_found_by_id_and_by_key),
	RUN(who_was_not_created_is_not_found),
	RUN(keys_of_a_thousand_bytes_are_kept_apart_by_their_last_byte),
	RUN(a_digest_that_fits_another_key_finds_nothing),
	RUN(namespaces_are_kept_apart),
	RUN(an_actor_of_a_namespace_leaves_nothing_behind),
	RUN(the_default_namespace_is_stored_as_if_there_were_no_others),
	RUN(state_is_replaced_and_taken_away),
	RUN(find_tells_the_newest_seq_among_neighbours),
	RUN(a_page_of_log_ends_at_its_limits_but_has_one_entry_at_least),
	RUN(entries_of_every_size_come_back_to_the_byte),
	RUN(a_batch_that_would_leave_a_hole_is_refused_whole),
	RUN(items_are_scanned_by_prefix_in_byte_order),
	RUN(item_keys_over_the_limit_are_nowhere),
	RUN(actors_are_listed_by_number_after_one_up_to_a_limit),
	RUN(a_number_for_an_actor_is_given_once),
	RUN(everything_is_there_after_reopening),
	RUN(one_batch_may_need_the_map_to_grow_many_times),
	RUN(a_map_at_its_limit_is_a_full_disk)
)
