/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever reads items reads what it wrote, committed or not, however late the store answers and as of when. */
#include <stdlib.h>

#include "proto/text.h"
#include "tests/kit/random.h"
#include "tests/kit/test.h"
#include "tests/kit/world.h"

#include "runtime/core/actor.h"
#include "runtime/troupe.h"

static struct tr_world w;

/* What one action of the actor does; its reads go to `seen`. */
static void (*act)(struct troupe_actor *a);
static bool fails;
static char seen[4096];

static int run(struct troupe_actor *a, struct troupe_call *c)
{
	(void)c;
	act(a);
	return fails ? TROUPE_EFORBIDDEN : 0;
}

static const struct troupe_kind owner = {
	.name = "owner", .actions = (const struct troupe_action[]){ { .name = "act", .run = run }, { 0 } },
};
static const struct troupe_kind *const owners[] = { &owner, NULL };

static void on_answer(void *arg, const struct tr_failure *f, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	(void)output;
	(void)actor;
	*(int *)arg = f ? f->error : 1;
}

static int told;

static void acts(const char *key, void (*what)(struct troupe_actor *a))
{
	struct tr_action_request rq = {
		.to = { .name = { "owner", 5 }, .key = { key, strlen(key) }, .create = true },
		.action = { "act", 3 }, .args = { "\x90", 1 },
	};

	act = what;
	told = 0;
	tr_core_action(w.core, &rq, on_answer, &told);
}

static void does(void (*what)(struct troupe_actor *a))
{
	seen[0] = 0;
	acts("x", what);
	tr_world_turn(&w);
	assert_int_equal(told, fails ? TROUPE_EFORBIDDEN : 1);
}

/* What is being read is answered, and not looked at. */
static void reads(void)
{
	while (tr_world_answer_read(&w))
		;
	seen[0] = 0;
}

static void nothing(struct troupe_actor *a)
{
	(void)a;
}

static void begin(void)
{
	fails = false;
	tr_world_open(&w, owners, NULL);
	for (const char *key = "x\0y\0z\0"; *key; key += 2) {
		acts(key, nothing);
		tr_world_turn(&w);
	}
}

/* ------------------------------------------------------------------ what it does */

static void put(struct troupe_actor *a, const char *key, const char *value)
{
	tr_actor_put(a, tr_text_from(key), value, strlen(value));
}

static void erase(struct troupe_actor *a, const char *key)
{
	tr_actor_delete(a, tr_text_from(key));
}

static void on_value(struct troupe_actor *a, void *arg, int rc, struct troupe_value value)
{
	(void)a;
	(void)arg;
	snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s;", rc ? 4 : (int)value.size,
	         rc == TROUPE_ENOTFOUND ? "none" : rc ? "fail" : (const char *)value.data);
}

static void get(struct troupe_actor *a, const char *key)
{
	tr_actor_get(a, NULL, tr_text_from(key), on_value, NULL);
}

static void on_item(struct troupe_actor *a, void *arg, int rc, struct troupe_text key, struct troupe_value value)
{
	(void)a;
	(void)arg;
	assert_int_equal(rc, 0);
	if (key.data)
		snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s=%.*s ", (int)key.size, key.data,
		         (int)value.size, (const char *)value.data);
	else
		snprintf(seen + strlen(seen), sizeof seen - strlen(seen), ".");
}

static void scan(struct troupe_actor *a, const char *prefix, const char *after, unsigned limit)
{
	struct troupe_text from = { after, after ? strlen(after) : 0 };

	tr_actor_scan_after(a, NULL, tr_text_from(prefix), from, limit, on_item, NULL);
}

static void fill(struct troupe_actor *a)
{
	put(a, "i/b", "1");
	put(a, "i/d", "2");
	put(a, "i/f", "3");
	put(a, "j/a", "4");
}

/* ------------------------------------------------------------------ readers */

static struct tr_reader outer, inner;

static void on_item_enough(struct troupe_actor *a, void *arg, int rc, struct troupe_text key,
                           struct troupe_value value)
{
	on_item(a, arg, rc, key, value);
	tr_reader_forget(&outer);
}

static void reads_with_parts(struct troupe_actor *a)
{
	tr_reader_init(&outer);
	tr_reader_init(&inner);
	tr_reader_join(&inner, &outer);
	tr_actor_scan(a, &outer, tr_text_from("i/"), on_item_enough, NULL);
	tr_actor_get(a, &inner, tr_text_from("i/d"), on_value, NULL);
	get(a, "i/f");
}

TEST(a_reader_that_is_forgotten_hears_nothing_more_and_its_parts_neither)
{
	begin();
	does(fill);
	w.slow = true;
	does(reads_with_parts);
	while (tr_world_answer(&w))
		;
	assert_string_equal(seen, w.late ? "i/b=1 3;" : "i/b=1 2;3;");
	w.slow = false;
	tr_world_close(&w);
}

TEST(the_memory_of_a_reader_may_go_when_it_is_forgotten)
{
	begin();
	does(fill);
	w.slow = true;
	does(reads_with_parts);
	tr_reader_forget(&outer);
	memset(&outer, 0xff, sizeof outer);
	memset(&inner, 0xff, sizeof inner);
	while (tr_world_answer(&w))
		;
	assert_string_equal(seen, w.late ? "3;" : "i/b=1 2;3;");
	w.slow = false;
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ within a turn */

static void puts_and_gets(struct troupe_actor *a)
{
	put(a, "i/b", "new");
	get(a, "i/b");
	erase(a, "i/d");
	get(a, "i/d");
	put(a, "i/z", "made");
	put(a, "i/z", "made again");
	get(a, "i/z");
	get(a, "i/f");
	get(a, "i/");
}

TEST(a_get_sees_what_its_turn_wrote)
{
	begin();
	does(fill);
	does(puts_and_gets);
	assert_string_equal(seen, "new;none;made again;3;none;");
	tr_world_close(&w);
}

static void puts_and_scans(struct troupe_actor *a)
{
	put(a, "i/a", "0");
	put(a, "i/d", "two");
	erase(a, "i/f");
	put(a, "i/g", "9");
	put(a, "j/b", "5");
	scan(a, "i/", NULL, 0);
	scan(a, "i/", "i/b", 0);
	scan(a, "j/", NULL, 1);
	scan(a, "k/", NULL, 0);
}

TEST(a_scan_sees_what_its_turn_wrote_in_its_place)
{
	begin();
	does(fill);
	does(puts_and_scans);
	assert_string_equal(seen, "i/a=0 i/b=1 i/d=two i/g=9 .i/d=two i/g=9 .j/a=4 ..");
	tr_world_close(&w);
}

static unsigned part;

static void scans_part(struct troupe_actor *a)
{
	scan(a, "i/", NULL, part);
}

static void deletes_and_scans(struct troupe_actor *a)
{
	erase(a, "i/b");
	erase(a, "i/d");
	put(a, "i/e", "e");
	put(a, "i/z", "z");
	scans_part(a);
}

TEST(a_part_of_a_scan_is_as_long_as_it_was_asked_for)
{
	begin();
	for (part = 1; part < 5; part++) {
		does(fill);
		does(deletes_and_scans); /* the store's first two are gone */
		assert_string_equal(seen, part == 1 ? "i/e=e ." : part == 2 ? "i/e=e i/f=3 ." : "i/e=e i/f=3 i/z=z .");
	}
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ between turns */

static void looks(struct troupe_actor *a)
{
	get(a, "i/b");
	scan(a, "i/", NULL, 0);
}

static void changes(struct troupe_actor *a)
{
	put(a, "i/b", "new");
	erase(a, "i/f");
}

TEST(what_is_being_committed_is_seen)
{
	int first;

	begin();
	does(fill);
	w.hold_commits = true;
	acts("x", changes);
	tr_world_turn(&w);
	first = told;
	seen[0] = 0;
	acts("x", looks);
	tr_world_turn(&w);
	assert_int_equal(first + told, 0); /* nothing is told yet */
	assert_string_equal(seen, "new;i/b=new i/d=2 .");
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_turn(&w);
	does(looks);
	assert_string_equal(seen, "new;i/b=new i/d=2 .");
	tr_world_close(&w);
}

TEST(a_turn_that_fails_has_written_nothing_to_see)
{
	begin();
	does(fill);
	fails = true;
	does(changes);
	fails = false;
	does(looks);
	assert_string_equal(seen, "1;i/b=1 i/d=2 i/f=3 .");
	w.hold_commits = true; /* the same with something of it in the batch already */
	acts("x", puts_and_gets);
	tr_core_turn_end(w.core);
	acts("x", changes);
	fails = true;
	acts("x", fill);
	fails = false;
	reads();
	acts("x", looks);
	tr_world_turn(&w);
	assert_string_equal(seen, "new;i/b=new i/z=made again .");
	w.hold_commits = false;
	tr_world_commit(&w);
	tr_world_close(&w);
}

TEST(what_is_not_on_disk_is_not_seen_after_its_commit_failed)
{
	begin();
	does(fill);
	w.hold_commits = true;
	acts("x", changes);
	acts("y", fill);
	tr_world_turn(&w);
	acts("z", fill);
	acts("x", fill); /* behind what fails, and dropped with it */
	acts("z", looks);
	w.hold_commits = false;
	w.next_commit = TROUPE_ESTORE;
	tr_world_commit(&w);
	reads();
	acts("z", looks); /* its own still is to be committed, from another place in the batch */
	tr_world_turn(&w);
	assert_non_null(strstr(seen, "1;i/b=1 i/d=2 i/f=3 ."));
	does(looks);
	assert_string_equal(seen, "1;i/b=1 i/d=2 i/f=3 .");
	seen[0] = 0;
	acts("y", looks);
	tr_world_turn(&w);
	assert_string_equal(seen, "none;.");
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ reads under way */

/* A store that looks when it is asked, answers when all else has happened. */
static void late(void)
{
	begin();
	does(fill);
	w.as_asked = true;
	seen[0] = 0;
	acts("x", looks);
	acts("x", changes);
	tr_core_turn_end(w.core);
}

TEST(a_read_sees_what_was_put_after_it_was_asked)
{
	if (!tr_world_late)
		return; /* it is answered before */
	late();
	while (tr_world_answer_read(&w))
		;
	assert_string_equal(seen, "new;i/b=new i/d=2 .");
	tr_world_turn(&w);
	tr_world_close(&w);
}

TEST(also_when_that_was_committed_meanwhile)
{
	if (!tr_world_late)
		return;
	late();
	assert_true(tr_world_answer_commit(&w));
	assert_int_equal(told, 1);
	acts("x", fill);
	tr_core_turn_end(w.core);
	assert_true(tr_world_answer_commit(&w)); /* twice */
	acts("x", changes);
	tr_core_turn_end(w.core);
	while (tr_world_answer_read(&w))
		;
	assert_string_equal(seen, "new;i/b=new i/d=2 .");
	tr_world_turn(&w);
	tr_world_close(&w);
}

TEST(a_read_whose_actor_goes_reads_for_nobody)
{
	begin();
	acts("x", changes);
	acts("x", looks);
	tr_core_drain(w.core, NULL, NULL);
	seen[0] = 0;
	tr_world_turn(&w);
	tr_world_close(&w);
}

/* ------------------------------------------------------------------ at random, against a model */

static char model[26][8]; /* "": none */

static void writes_at_random(struct troupe_actor *a)
{
	for (uint64_t n = random_below(4); n > 0; n--) {
		uint64_t i = random_below(26);
		char key[] = { 'i', '/', (char)('a' + i), 0 };
		char *value = model[i];

		if (random_below(2)) {
			snprintf(value, sizeof *model, "%u", (unsigned)random_below(1000));
			put(a, key, value);
		} else {
			*value = 0;
			erase(a, key);
		}
	}
}

static const char *expected(void)
{
	static char text[1024];
	unsigned given = 0;

	text[0] = 0;
	for (int i = 0; i < 26 && (part == 0 || given < part); i++) {
		if (!*model[i])
			continue;
		given++;
		snprintf(text + strlen(text), sizeof text - strlen(text), "i/%c=%s ", 'a' + i, model[i]);
	}
	snprintf(text + strlen(text), sizeof text - strlen(text), ".");
	return text;
}

TEST(at_random_it_is_always_what_was_written)
{
	begin();
	sow();
	memset(model, 0, sizeof model);
	w.as_asked = true;
	for (int round = 0; round < 3000; round++) {
		acts("x", writes_at_random);
		if (random_below(2))
			acts("y", fill); /* others in the same batch */
		if (random_below(2))
			tr_core_turn_end(w.core);
		part = (unsigned)random_below(8);
		seen[0] = 0;
		acts("x", scans_part);
		if (random_below(2))
			tr_core_turn_end(w.core);
		if (random_below(2))
			tr_world_answer_commit(&w);
		if (random_below(2))
			tr_core_turn_end(w.core);
		while (tr_world_answer_read(&w))
			;
		assert_string_equal(seen, expected());
	}
	tr_world_turn(&w);
	tr_world_close(&w);
}

TESTS(RUN(a_reader_that_is_forgotten_hears_nothing_more_and_its_parts_neither),
      RUN(the_memory_of_a_reader_may_go_when_it_is_forgotten),
      RUN(a_get_sees_what_its_turn_wrote),
      RUN(a_scan_sees_what_its_turn_wrote_in_its_place),
      RUN(a_part_of_a_scan_is_as_long_as_it_was_asked_for),
      RUN(what_is_being_committed_is_seen),
      RUN(a_turn_that_fails_has_written_nothing_to_see),
      RUN(what_is_not_on_disk_is_not_seen_after_its_commit_failed),
      RUN(a_read_sees_what_was_put_after_it_was_asked),
      RUN(also_when_that_was_committed_meanwhile),
      RUN(a_read_whose_actor_goes_reads_for_nobody),
      RUN(at_random_it_is_always_what_was_written))
