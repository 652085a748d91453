/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms in the store: an actor's own, and those of all in order of time. */
#include "tests/unit/store/store_kit.h"

#include "runtime/base/limits.h"

static void add_alarm(struct tr_batch *b, uint64_t num, uint64_t id, int64_t at_ms, const char *what)
{
	struct tr_op *op = add_op(b, TR_OP_ALARM, num);
	uint8_t key[8];

	tr_put_be64(key, id);
	op->seq = (uint64_t)at_ms;
	set_key(b, op, key, sizeof(key));
	set_value(b, op, what, strlen(what));
}

static void add_disarm(struct tr_batch *b, uint64_t num, uint64_t id)
{
	uint8_t key[8];

	tr_put_be64(key, id);
	set_key(b, add_op(b, TR_OP_DISARM, num), key, sizeof(key));
}

/* "7@500=what " for each alarm of an actor, then ".". */
static void on_alarm(void *arg, int rc, uint64_t id, int64_t at_ms, struct troupe_value value)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->rc = rc;
	h->ended = !value.data;
	if (value.data)
		tr_bytes_printf(&h->text, "%llu@%lld=%.*s ", (unsigned long long)id, (long long)at_ms, (int)value.size,
		                (const char *)value.data);
	else
		tr_bytes_put_text(&h->text, ".");
}

static bool alarms_are(const struct tr_store *s, uint64_t num, const char *expected)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->alarms(s->ctx, num, on_alarm, &h);
	assert_true(h.ended);
	return heard_is(&h, expected);
}

/* "500/2/7/id2 " for each that is due, then ".". */
static void on_due(void *arg, int rc, const struct tr_alarm_place *place, const struct tr_actor_row *row)
{
	struct kit_heard *h = arg;

	assert_false(h->ended);
	h->rc = rc;
	h->ended = !row;
	if (row)
		tr_bytes_printf(&h->text, "%lld/%llu/%llu/%s ", (long long)place->at_ms, (unsigned long long)place->actor,
		                (unsigned long long)place->id, row->id);
	else
		tr_bytes_put_text(&h->text, ".");
}

static bool due_are(const struct tr_store *s, struct tr_alarm_place after, unsigned limit, const char *expected)
{
	struct kit_heard h = { .rc = KIT_UNANSWERED };

	s->ops->due(s->ctx, &after, limit, on_due, &h);
	assert_true(h.ended);
	return heard_is(&h, expected);
}

static const struct tr_alarm_place start;

static void open_with_three(struct kit *k)
{
	struct tr_batch b = { 0 };

	kit_open(k);
	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_alarm(&b, 1, 10, 500, "late");
	add_alarm(&b, 1, 11, 300, "early");
	add_alarm(&b, 2, 7, 300, "other");
	assert_int_equal(0, commit(&k->store, &b));
}

static size_t entries(struct kit *k, enum tr_table table)
{
	MDB_txn *txn;
	MDB_stat stat;

	assert_int_equal(0, tr_lmdb_read_begin(k->db, &txn));
	assert_int_equal(0, mdb_stat(txn, k->db->dbi[table], &stat));
	tr_lmdb_read_end(k->db);
	return stat.ms_entries;
}

TEST(an_actor_has_its_own_and_all_have_an_order)
{
	struct kit k = { 0 };

	open_with_three(&k);
	assert_true(alarms_are(&k.store, 1, "10@500=late 11@300=early ."));
	assert_true(alarms_are(&k.store, 2, "7@300=other ."));
	assert_true(alarms_are(&k.store, 3, "."));
	assert_true(due_are(&k.store, start, 10, "300/1/11/id1 300/2/7/id2 500/1/10/id1 ."));
	assert_true(due_are(&k.store, start, 1, "300/1/11/id1 ."));
	assert_true(due_are(&k.store, (struct tr_alarm_place){ 300, 1, 11 }, 10, "300/2/7/id2 500/1/10/id1 ."));
	assert_true(due_are(&k.store, (struct tr_alarm_place){ 500, 1, 10 }, 10, "."));
	kit_reopen(&k);
	assert_true(due_are(&k.store, start, 10, "300/1/11/id1 300/2/7/id2 500/1/10/id1 ."));
	kit_close(&k);
}

TEST(what_is_disarmed_is_gone_from_both)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	open_with_three(&k);
	add_disarm(&b, 1, 11);
	add_disarm(&b, 1, 11); /* it may be missing */
	add_disarm(&b, 2, 8);
	assert_int_equal(0, commit(&k.store, &b));
	assert_true(alarms_are(&k.store, 1, "10@500=late ."));
	assert_true(due_are(&k.store, start, 10, "300/2/7/id2 500/1/10/id1 ."));
	add_alarm(&b, 1, 11, 700, "again");
	assert_int_equal(0, commit(&k.store, &b));
	assert_true(due_are(&k.store, (struct tr_alarm_place){ 500, 1, 10 }, 10, "700/1/11/id1 ."));
	kit_close(&k);
}

TEST(an_alarm_that_cannot_be_right_is_refused_with_all_of_its_batch)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	open_with_three(&k);
	add_alarm(&b, 1, 12, 100, "good");
	add_alarm(&b, 1, 10, 100, "its id is taken");
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	set_key(&b, add_op(&b, TR_OP_ALARM, 1), "short", 5);
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	set_key(&b, add_op(&b, TR_OP_DISARM, 1), "short", 5);
	assert_int_equal(TROUPE_ESTORE, commit(&k.store, &b));
	assert_true(due_are(&k.store, start, 1, "300/1/11/id1 ."));
	kit_close(&k);
}

TEST(the_destroyed_have_none_at_once_and_leave_nothing)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	open_with_three(&k);
	for (uint64_t id = 100; id < 2000; id++)
		add_alarm(&b, 1, id, 200, "many");
	assert_int_equal(0, commit(&k.store, &b));
	add_op(&b, TR_OP_DESTROY, 1);
	assert_int_equal(0, commit(&k.store, &b));
	assert_true(alarms_are(&k.store, 1, "."));
	assert_true(due_are(&k.store, start, 10, "300/2/7/id2 ."));
	while (clean(&k.store))
		;
	assert_int_equal(1, entries(&k, TR_TABLE_ALARMS));
	assert_int_equal(1, entries(&k, TR_TABLE_TIMES));
	kit_close(&k);
}

TEST(many_are_told_and_no_more_at_once_than_the_limit)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct kit_heard h = { .rc = KIT_UNANSWERED };
	unsigned count = 0;

	kit_open(&k);
	add_create(&b, 1, "id1", "room", "a");
	for (uint64_t id = 1; id <= 500; id++)
		add_alarm(&b, 1, id, 1000 - (int64_t)id, "one of many");
	assert_int_equal(0, commit(&k.store, &b));
	k.store.ops->alarms(k.store.ctx, 1, on_alarm, &h);
	for (const char *at = tr_bytes_text(&h.text); (at = strchr(at, '@')); at++)
		count++;
	assert_int_equal(500, count);
	tr_bytes_free(&h.text);
	h = (struct kit_heard){ .rc = KIT_UNANSWERED };
	k.store.ops->due(k.store.ctx, &start, 10000, on_due, &h);
	count = 0;
	for (const char *at = tr_bytes_text(&h.text); (at = strstr(at, "/id1")); at++)
		count++;
	assert_int_equal(TR_ALARMS_AT_ONCE, count);
	assert_memory_equal(tr_bytes_text(&h.text), "500/1/500/id1 501/1/499/id1 ", 28);
	tr_bytes_free(&h.text);
	kit_close(&k);
}

/* As a version wrote it that knew no alarms. */
static void drop(struct kit *k, enum tr_table table)
{
	MDB_txn *txn;

	assert_int_equal(0, mdb_txn_begin(k->db->env, NULL, 0, &txn));
	assert_int_equal(0, mdb_drop(txn, k->db->dbi[table], 1));
	assert_int_equal(0, mdb_txn_commit(txn));
}

TEST(data_of_an_older_version_gets_its_tables)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };

	kit_open(&k);
	create(&k, 1, "id1", "room", "a");
	drop(&k, TR_TABLE_ALARMS);
	drop(&k, TR_TABLE_TIMES);
	kit_reopen(&k);
	assert_int_equal(1, find_id(&k.store, "id1").num);
	assert_true(due_are(&k.store, start, 10, "."));
	add_alarm(&b, 1, 10, 500, "first");
	assert_int_equal(0, commit(&k.store, &b));
	kit_reopen(&k);
	assert_true(alarms_are(&k.store, 1, "10@500=first ."));
	kit_close(&k);
}

TESTS(RUN(an_actor_has_its_own_and_all_have_an_order),
      RUN(what_is_disarmed_is_gone_from_both),
      RUN(an_alarm_that_cannot_be_right_is_refused_with_all_of_its_batch),
      RUN(the_destroyed_have_none_at_once_and_leave_nothing),
      RUN(many_are_told_and_no_more_at_once_than_the_limit),
      RUN(data_of_an_older_version_gets_its_tables))
