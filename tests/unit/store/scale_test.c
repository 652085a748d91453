/* SPDX-License-Identifier: Apache-2.0 */
/* An actor with 1,000,000 logged entries costs no more than one with 1,000: to wake, to append to, to read from.
 *
 * No clock: we count. Every call into LMDB that reads (this program has its own mdb_get and mdb_cursor_get in front),
 * every comparison of two log keys, and every byte written. A walk over the history would show as hundreds of
 * thousands. */
#include <dlfcn.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tests/unit/store/store_kit.h"

static struct { unsigned long reads, compared, written; } cost;

int mdb_get(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	static int (*real)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_get");
	cost.reads++;
	return real(txn, dbi, key, data);
}

int mdb_cursor_get(MDB_cursor *cursor, MDB_val *key, MDB_val *data, MDB_cursor_op op)
{
	static int (*real)(MDB_cursor *, MDB_val *, MDB_val *, MDB_cursor_op);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
	cost.reads++;
	return real(cursor, key, data, op);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	cost.written += size;
	return syscall(SYS_pwrite64, fd, data, size, at);
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	for (int i = 0; i < count; i++)
		cost.written += pieces[i].iov_len;
	return syscall(SYS_writev, fd, pieces, count);
}

/* LMDB's own order. */
static int compare(const MDB_val *a, const MDB_val *b)
{
	size_t size = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
	int order = memcmp(a->mv_data, b->mv_data, size);

	cost.compared++;
	return order ? order : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

static void count_comparisons(struct kit *k)
{
	MDB_txn *txn;

	assert_int_equal(0, mdb_txn_begin(k->db->env, NULL, 0, &txn));
	assert_int_equal(0, mdb_set_compare(txn, k->db->dbi[TR_TABLE_LOG], compare));
	assert_int_equal(0, mdb_txn_commit(txn));
}

/* From `from` on, as many as there shall be. */
static void append_until(struct kit *k, uint64_t from, uint64_t until)
{
	struct tr_batch b = { 0 };

	for (uint64_t seq = from; seq <= until; seq++) {
		add_append(&b, 2, seq, "an entry of some fifty bytes, as short events are");
		if (seq % 10000 == 0 || seq == until)
			assert_int_equal(0, commit(&k->store, &b));
	}
}

struct costs {
	unsigned long wake_reads, wake_compared;
	unsigned long append_reads, append_compared, append_written;
	unsigned long page_reads, page_compared;
};

static struct costs measure(struct kit *k, uint64_t newest)
{
	struct costs c = { 0 };
	struct kit_heard h;

	/* neighbours and a second commit, so that freed pages are there to be used again */
	append_until(k, newest + 1, newest + 1);
	append_until(k, newest + 2, newest + 2);
	memset(&cost, 0, sizeof(cost));
	append_until(k, newest + 3, newest + 3);
	c.append_reads = cost.reads;
	c.append_compared = cost.compared;
	c.append_written = cost.written;
	memset(&cost, 0, sizeof(cost));
	assert_int_equal(newest + 3, find_id(&k->store, "id2").seq);
	c.wake_reads = cost.reads;
	c.wake_compared = cost.compared;
	memset(&cost, 0, sizeof(cost));
	h = read_log(&k->store, 2, newest, 3, SIZE_MAX);
	assert_int_equal(3, h.count);
	tr_bytes_free(&h.text);
	c.page_reads = cost.reads;
	c.page_compared = cost.compared;
	return c;
}

TEST(a_million_entries_cost_what_a_thousand_do)
{
	struct kit k = { 0 };
	struct tr_batch b = { 0 };
	struct costs few, many;

	kit_open(&k);
	count_comparisons(&k);
	add_create(&b, 1, "id1", "room", "a");
	add_create(&b, 2, "id2", "room", "b");
	add_create(&b, 3, "id3", "room", "c");
	add_append(&b, 1, 1, "before");
	add_append(&b, 3, 1, "behind");
	assert_int_equal(0, commit(&k.store, &b));
	append_until(&k, 1, 1000);
	few = measure(&k, 1000);
	append_until(&k, 1004, 1000000);
	many = measure(&k, 1000000);
	fprintf(stderr, "wake: %lu reads, %lu comparisons, then %lu, %lu\n", few.wake_reads, few.wake_compared,
	        many.wake_reads, many.wake_compared);
	fprintf(stderr, "append: %lu reads, %lu comparisons, %lu bytes written, then %lu, %lu, %lu\n", few.append_reads,
	        few.append_compared, few.append_written, many.append_reads, many.append_compared, many.append_written);
	assert_true(few.wake_compared > 0 && few.append_compared > 0 && few.append_written > 0);
	assert_int_equal(few.wake_reads, many.wake_reads);
	assert_int_equal(few.append_reads, many.append_reads);
	assert_int_equal(few.page_reads, many.page_reads);
	assert_true(many.wake_compared < few.wake_compared * 4); /* the logarithm doubles */
	assert_true(many.append_compared < few.append_compared * 4);
	assert_true(many.page_compared < few.page_compared * 4);
	assert_true(many.append_written < few.append_written * 3);
	kit_reopen(&k);
	memset(&cost, 0, sizeof(cost));
	assert_int_equal(1000003, find_id(&k.store, "id2").seq);
	assert_int_equal(many.wake_reads, cost.reads);
	kit_close(&k);
}

TESTS(RUN(a_million_entries_cost_what_a_thousand_do))
