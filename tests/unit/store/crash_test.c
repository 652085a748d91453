/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at random moments: what was acknowledged is there, nothing is there by halves. SEED=n repeats a run.
 *
 * A child commits batch after batch and writes each acknowledged number into a pipe; we kill it after some of them,
 * read the pipe to its end, and look. Every batch sets the state to "batch n, newest seq", so that state and log tell
 * on each other. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/kit/random.h"
#include "tests/unit/store/store_kit.h"

#define ROUNDS 50

/* ---- the child */

struct acked { uint64_t batch, seq; };

static void put_entry(struct tr_batch *b, uint64_t seq)
{
	char text[4096];

	memset(text, 'e', sizeof(text));
	snprintf(text, sizeof(text), "entry %llu%*s", (unsigned long long)seq, (int)(seq * 37 % 3000), "");
	add_append(b, 1, seq, text);
}

/* A passing actor with each batch: its predecessor is destroyed. */
static void put_passer(struct tr_batch *b, uint64_t batch)
{
	char id[32];

	snprintf(id, sizeof(id), "passer%llu", (unsigned long long)batch);
	if (batch > 1)
		add_op(b, TR_OP_DESTROY, batch);
	add_create(b, batch + 1, id, "passer", id);
	add_append(b, batch + 1, 1, "hello");
}

static void write_for_ever(const char *dir, int out)
{
	struct kit k = { .dir = (char *)(uintptr_t)dir };
	struct tr_batch b = { 0 };
	struct kit_found f;
	struct acked at = { 0, 0 };

	kit_open(&k);
	f = find_id(&k.store, "one");
	if (f.rc == 0)
		sscanf(f.state, "batch %lu, newest %lu", &at.batch, &at.seq);
	else
		add_create(&b, 1, "one", "room", "one");
	for (;;) {
		char state[64];
		uint64_t count = 1 + random_below(3);

		at.batch++;
		for (uint64_t i = 0; i < count; i++)
			put_entry(&b, ++at.seq);
		snprintf(state, sizeof(state), "batch %lu, newest %lu", at.batch, at.seq);
		add_state(&b, 1, state);
		add_put(&b, 1, "state", state);
		put_passer(&b, at.batch);
		if (commit(&k.store, &b) != 0 || write(out, &at, sizeof(at)) != sizeof(at))
			_exit(1);
		if (at.batch % 5 == 0)
			clean(&k.store);
	}
}

/* ---- we */

/* Kills it after `acks` acknowledgements and a moment more. Returns the last that came through. */
static struct acked run_and_kill(const char *dir, uint64_t acks, uint64_t moment_us)
{
	struct acked last = { 0, 0 }, next;
	int pipes[2], status;
	pid_t child;

	assert_int_equal(0, pipe(pipes));
	child = fork();
	if (child == 0) {
		close(pipes[0]);
		write_for_ever(dir, pipes[1]);
	}
	close(pipes[1]);
	for (uint64_t i = 0; i < acks && read(pipes[0], &next, sizeof(next)) == sizeof(next); i++)
		last = next;
	usleep((useconds_t)moment_us);
	kill(child, SIGKILL);
	while (read(pipes[0], &next, sizeof(next)) == sizeof(next))
		last = next;
	close(pipes[0]);
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFSIGNALED(status)); /* else it gave up by itself */
	return last;
}

static void check_log(const struct tr_store *s, uint64_t newest)
{
	for (uint64_t seq = 1; seq <= newest; seq++) {
		struct kit_heard h = read_log(s, 1, seq - 1, 1, 1);
		char text[64];

		assert_int_equal(1, h.count);
		snprintf(text, sizeof(text), "%lu:entry %lu", seq, seq);
		assert_memory_equal(text, tr_bytes_text(&h.text), strlen(text));
		tr_bytes_free(&h.text);
	}
}

static void check(struct kit *k, struct acked last)
{
	struct kit_found f = find_id(&k->store, "one");
	struct acked found = { 0, 0 };
	struct kit_heard h;
	char passer[64];

	if (f.rc == TROUPE_ENOTFOUND) { /* killed before the first commit */
		assert_int_equal(0, last.batch);
		return;
	}
	assert_int_equal(0, f.rc);
	assert_int_equal(2, sscanf(f.state, "batch %lu, newest %lu", &found.batch, &found.seq));
	assert_in_range(found.batch, last.batch, UINT64_MAX);
	assert_int_equal(found.seq, f.seq);
	h = get(&k->store, 1, "state");
	assert_true(heard_is(&h, f.state));
	snprintf(passer, sizeof(passer), "%lu/passer/passer%lu .", found.batch + 1, found.batch);
	h = list(&k->store, "passer", 0, 10);
	assert_true(heard_is(&h, passer));
	assert_int_equal(found.batch + 2, new_actor(&k->store));
	check_log(&k->store, found.seq);
}

TEST(killed_while_committing_it_keeps_what_it_acknowledged)
{
	struct kit k = { .dir = tr_tmpdir_new() };

	sow();
	for (int round = 0; round < ROUNDS; round++) {
		struct acked last = run_and_kill(k.dir, random_below(12), random_below(3000));

		kit_open(&k);
		check(&k, last);
		k.db = tr_lmdb_close(k.db);
	}
	kit_close(&k);
}

TEST(killed_while_being_made_it_can_be_made_again)
{
	sow();
	for (int round = 0; round < ROUNDS; round++) {
		struct kit k = { .dir = tr_tmpdir_new() };
		struct acked last = run_and_kill(k.dir, 0, random_below(4000));

		kit_open(&k);
		check(&k, last);
		kit_close(&k);
	}
}

TESTS(
	RUN(killed_while_committing_it_keeps_what_it_acknowledged),
	RUN(killed_while_being_made_it_can_be_made_again)
)
