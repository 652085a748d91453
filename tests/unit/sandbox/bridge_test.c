/* SPDX-License-Identifier: Apache-2.0 */
/* The bridge's side in C, against Node processes that misbehave: each test writes the script that it wants. */
#include "tests/kit/test.h"
#include "tests/kit/tmpdir.h"
#include "tests/kit/until.h"

#include <signal.h>
#include <stdlib.h>

#include "proto/text.h"
#include "runtime/base/log.h"
#include "runtime/main/clock.h"
#include "runtime/sandbox/provider/bridge.h"
#include "runtime/sandbox/provider/bridge_reply.h"
#include "runtime/troupe.h"

/* ------------------------------------------------------------------ what it says */

static bool read_line(const char *line, struct tr_bridge_reply *r)
{
	return tr_bridge_read(tr_text_from(line), r);
}

TEST(an_answer_is_read_whole)
{
	struct tr_bridge_reply r;

	assert_true(read_line("{\"id\":7,\"result\":{\"rawId\":\"a/b:1\",\"url\":\"https://x/\",\"token\":\"t\",\"cwd\":\"/w\"}}", &r));
	assert_int_equal(r.id, 7);
	assert_int_equal(r.rc, 0);
	assert_string_equal(r.raw_id, "a/b:1");
	assert_string_equal(r.url, "https://x/");
	assert_string_equal(r.token, "t");
	assert_string_equal(r.cwd, "/w");
	assert_true(read_line("{\"id\":8,\"result\":{\"url\":null}}", &r));
	assert_string_equal(r.url, "");
}

TEST(errors_have_a_code_and_words)
{
	static const struct { const char *code; int rc; } codes[] = {
		{ "sandbox_destroyed", TROUPE_ESANDBOXLOST }, { "provider_unavailable", TROUPE_ENOPROVIDER },
		{ "provider_error", TROUPE_EPROVIDER }, { "not_loaded", TROUPE_EPROVIDER }, { "", TROUPE_EPROVIDER },
	};
	struct tr_bridge_reply r;
	char line[256];

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		snprintf(line, sizeof line, "{\"id\":1,\"error\":{\"code\":\"%s\",\"message\":\"a\\nb\",\"unknown\":true}}", codes[i].code);
		assert_true(read_line(line, &r));
		assert_int_equal(r.rc, codes[i].rc);
		assert_string_equal(r.words, "a b");
		assert_true(r.unknown);
	}
	assert_true(read_line("{\"id\":1,\"error\":null}", &r));
	assert_int_equal(r.rc, TROUPE_EPROVIDER);
}

TEST(what_is_no_answer_is_not_taken_for_one)
{
	static const char *const lines[] = {
		"", "x", "[]", "{}", "{\"id\":1}", "{\"id\":null,\"result\":{}}", "{\"id\":-1,\"result\":{}}", "{\"id\":1.5,\"result\":{}}",
		"{\"id\":\"1\",\"result\":{}}", "{\"id\":123456789012345678901,\"result\":{}}",
		"{\"id\":1,\"result\":{\"url\":\"http://a/\\r\\nx\"}}", "{\"id\":1,\"result\":{\"token\":\"a\\u0000\"}}",
		"{\"id\":1,\"result\":{}} x",
	};
	struct tr_bridge_reply r;

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		if (read_line(lines[i], &r))
			fail_msg("this was taken: %s", lines[i]);
	}
}

TEST(options_are_an_object_of_objects)
{
	static const char *const bad[] = { "", "x", "[]", "1", "{\"a\":1}", "{\"a\":{},\"b\":[]}", "{} x" };
	static const char *const good[] = { "{}", "{\"a\":{}}", "{ \"daytona\": { \"image\": \"x\" }, \"e2b\": {} }" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(tr_bridge_options_check(tr_text_from(bad[i])));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_null(tr_bridge_options_check(tr_text_from(good[i])));
}

/* ------------------------------------------------------------------ a process */

static struct {
	char                *dir, *script;
	struct event_base   *base;
	struct tr_bridge    *bridge;
	struct tr_sandbox_times times;
	struct tr_provider  *provider;
	int                  count, rc;
	bool                 unknown, stopped;
	char                 words[256], raw_id[64], url[128];
} t;

#define UNTIL(condition) UNTIL_BY(t.base, event_base_loop(t.base, EVLOOP_ONCE), condition)

static void write_script(const char *body)
{
	FILE *file = fopen(t.script, "we");

	fprintf(file, "import readline from 'node:readline';\n"
	        "import fs from 'node:fs';\n"
	        "const say = (o) => process.stdout.write(JSON.stringify(o) + '\\n');\n"
	        "export function bridge() {\n"
	        "  readline.createInterface({ input: process.stdin }).on('line', (line) => {\n"
	        "    const { id, method, params } = JSON.parse(line);\n"
	        "    fs.appendFileSync('%s/told', method + ' ' + (params.rawId ?? '') + ';');\n"
	        "    if (method === 'load' || method === 'kept') return say({ id, result: {} });\n"
	        "    %s\n"
	        "  }).on('close', () => process.exit());\n"
	        "}\n", t.dir, body);
	fclose(file);
}

static const char *told(void)
{
	static char text[4096];
	char *path = tr_tmpdir_path(t.dir, "told");
	FILE *file = fopen(path, "re");

	text[file ? fread(text, 1, sizeof text - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	free(path);
	return text;
}

static void begin(const char *body)
{
	memset(&t, 0, sizeof t);
	signal(SIGPIPE, SIG_IGN);
	tr_log_setup(TR_LOG_ERROR, false);
	t.times = (struct tr_sandbox_times)TR_SANDBOX_TIMES;
	t.times.bridge_create_ms = 60000;
	t.dir = tr_tmpdir_new();
	t.script = tr_tmpdir_path(t.dir, "main.mjs");
	write_script(body);
	setenv("TROUPE_BRIDGE", t.script, 1);
	t.base = event_base_new();
	t.bridge = tr_bridge_new(&(struct tr_bridge_options){
		.base = t.base, .clock = tr_event_clock(t.base), .times = &t.times,
		.data_dir = t.dir, .modules = t.dir });
	t.provider = tr_bridge_provider(t.bridge, "daytona", NULL);
	assert_non_null(t.provider);
}

static void on_stopped(void *arg)
{
	(void)arg;
	t.stopped = true;
}

static void end(void)
{
	tr_bridge_stop(t.bridge, on_stopped, NULL);
	UNTIL(t.stopped);
	t.provider->ops->free(t.provider);
	tr_bridge_free(t.bridge);
	event_base_free(t.base);
	unsetenv("TROUPE_BRIDGE");
	free(t.script);
	t.dir = tr_tmpdir_free(t.dir);
}

static void on_end(void *arg, const struct tr_provider_answer *answer)
{
	(void)arg;
	t.count++;
	t.rc = answer->rc;
	t.unknown = answer->unknown;
	snprintf(t.words, sizeof t.words, "%s", answer->words ? answer->words : "");
	snprintf(t.raw_id, sizeof t.raw_id, "%s", answer->raw_id ? answer->raw_id : "");
	snprintf(t.url, sizeof t.url, "%s", answer->url ? answer->url : "");
}

static void create(void)
{
	tr_errand_start(t.provider, t.provider->ops->create, NULL, "seed", on_end, NULL);
}

static void reach(const char *raw_id)
{
	tr_errand_start(t.provider, t.provider->ops->reach, raw_id, NULL, on_end, NULL);
}

TEST(answers_come_in_any_order_with_rubbish_between_them)
{
	begin("if (params.rawId === 'slow') setTimeout(() => say({ id, result: { url: 'http://slow/' } }), 200);\n"
	      "else { process.stdout.write('not json\\n{}\\n\\n'); say({ id: 9999, result: {} });\n"
	      "  say({ id, result: { url: 'http://fast/' } }); }");
	reach("slow");
	reach("fast");
	UNTIL(t.count == 1);
	assert_string_equal(t.url, "http://fast/");
	UNTIL(t.count == 2);
	assert_string_equal(t.url, "http://slow/");
	end();
}

TEST(a_process_that_dies_while_making_a_sandbox_leaves_it_unknown_and_is_started_again)
{
	begin("if (method === 'create') process.exit(3);\nsay({ id, result: { url: 'http://x/' } });");
	create();
	UNTIL(t.count == 1);
	assert_int_equal(t.rc, TROUPE_EPROVIDER);
	assert_true(t.unknown);
	while (t.rc < 0) { /* it rests a moment */
		int before = t.count;

		reach("a");
		UNTIL(t.count > before);
	}
	assert_string_equal(t.url, "http://x/");
	assert_false(t.unknown);
	end();
}

TEST(a_line_without_end_ends_the_process)
{
	begin("process.stdout.write('x'.repeat(1 << 20));");
	reach("a");
	UNTIL(t.count == 1);
	assert_int_equal(t.rc, TROUPE_EPROVIDER);
	end();
}

TEST(a_sandbox_that_is_made_too_late_is_given_back)
{
	begin("if (method === 'create') setTimeout(() => say({ id, result: { rawId: 'late' } }), 600);\nelse say({ id, result: {} });");
	t.times.bridge_create_ms = 400;
	create();
	UNTIL(t.count == 1);
	assert_int_equal(t.rc, TROUPE_EPROVIDER);
	assert_true(t.unknown);
	UNTIL(strstr(told(), "destroy late;"));
	end();
}

TEST(what_is_left_undone_at_the_end_is_told)
{
	begin("");
	reach("a");
	UNTIL(strstr(told(), "reach a;") || (event_base_loop(t.base, EVLOOP_NONBLOCK), false));
	end();
	assert_int_equal(t.rc, TROUPE_EPROVIDER);
}

TEST(without_its_script_no_provider_is_available)
{
	begin("");
	t.provider->ops->free(t.provider);
	tr_bridge_free(t.bridge);
	setenv("TROUPE_BRIDGE", "/nowhere/main.mjs", 1);
	t.bridge = tr_bridge_new(&(struct tr_bridge_options){
		.base = t.base, .clock = tr_event_clock(t.base), .times = &t.times,
		.data_dir = t.dir });
	t.provider = tr_bridge_provider(t.bridge, "e2b", NULL);
	create();
	UNTIL(t.count == 1);
	assert_int_equal(t.rc, TROUPE_ENOPROVIDER);
	assert_non_null(strstr(t.words, "TROUPE_BRIDGE"));
	end();
}

TEST(who_is_a_provider_is_known_before_anything_runs)
{
	begin("");
	assert_null(tr_bridge_provider(t.bridge, "nobody", NULL));
	assert_null(tr_bridge_provider(t.bridge, "mine", "{\"x\":1}"));
	t.provider->ops->free(t.provider);
	t.provider = tr_bridge_provider(t.bridge, "mine", "{\"module\":\"./mine.mjs\"}");
	assert_non_null(t.provider);
	assert_string_equal(told(), "");
	end();
}

TESTS(
	RUN(an_answer_is_read_whole),
	RUN(errors_have_a_code_and_words),
	RUN(what_is_no_answer_is_not_taken_for_one),
	RUN(options_are_an_object_of_objects),
	RUN(answers_come_in_any_order_with_rubbish_between_them),
	RUN(a_process_that_dies_while_making_a_sandbox_leaves_it_unknown_and_is_started_again),
	RUN(a_line_without_end_ends_the_process),
	RUN(a_sandbox_that_is_made_too_late_is_given_back),
	RUN(what_is_left_undone_at_the_end_is_told),
	RUN(without_its_script_no_provider_is_available),
	RUN(who_is_a_provider_is_known_before_anything_runs)
)
