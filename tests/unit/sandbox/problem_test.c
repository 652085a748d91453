/* SPDX-License-Identifier: Apache-2.0 */
/* What answers of the sandbox mean: those that a real server gave (tests/vectors/sandbox-agent), and those of others. */
#include "tests/kit/test.h"

#include <jansson.h>
#include <stdlib.h>

#include "runtime/sandbox/wire/problem.h"

static struct tr_problem read_answer(enum tr_http_end end, int status, const char *body)
{
	struct tr_http_answer answer = { .end = end, .status = status, .body = { body, strlen(body) }, .why = "because" };
	struct tr_problem p;

	tr_problem_read(&answer, &p);
	return p;
}

static enum tr_problem_kind kind_of(int status, const char *body)
{
	return read_answer(TR_HTTP_DONE, status, body).kind;
}

/* Every error document of the recording is known by its type. */
/* [S3] */
TEST(recorded_problems_are_told_apart)
{
	static const struct { const char *type; int status; enum tr_problem_kind kind; } expected[] = {
		{ "invalid_request", 400, TR_PROBLEM_REFUSED },        { "unsupported_agent", 400, TR_PROBLEM_AGENT },
		{ "session_not_found", 404, TR_PROBLEM_GONE },         { "invalid_request", 404, TR_PROBLEM_PATH },
		{ "not_acceptable", 406, TR_PROBLEM_REFUSED },         { "conflict", 409, TR_PROBLEM_CONFLICT },
		{ "unsupported_media_type", 415, TR_PROBLEM_REFUSED }, { "token_invalid", 401, TR_PROBLEM_TOKEN },
		{ "agent_not_installed", 404, TR_PROBLEM_AGENT },      { "install_failed", 500, TR_PROBLEM_AGENT },
		{ "agent_process_exited", 500, TR_PROBLEM_DEAD },      { "stream_error", 502, TR_PROBLEM_DEAD },
	};
	json_t *recording = json_load_file("tests/vectors/sandbox-agent/01-http-errors.json", 0, NULL), *step;
	size_t index, seen = 0;

	assert_non_null(recording);
	json_array_foreach(json_object_get(recording, "steps"), index, step) {
		json_t *response = json_object_get(step, "response"), *body = json_object_get(response, "body");
		const char *type = json_string_value(json_object_get(body, "type"));
		int status = (int)json_integer_value(json_object_get(response, "status"));
		char *text = body ? json_dumps(body, JSON_ENCODE_ANY) : strdup("");
		bool known = !type;

		for (size_t i = 0; type && i < sizeof expected / sizeof *expected; i++) {
			if (strcmp(type + strlen("urn:sandbox-agent:"
				"error:"), expected[i].type) != 0 || status != expected[i].status)
				continue;
			assert_int_equal(kind_of(status, text), expected[i].kind);
			known = true;
			seen++;
		}
		assert_true(known);
		free(text);
	}
	assert_true(seen > 5);
	json_decref(recording);
}

TEST(successes_are_no_problem)
{
	assert_int_equal(kind_of(200, "{}"), TR_PROBLEM_NONE);
	assert_int_equal(kind_of(202, ""), TR_PROBLEM_NONE);
	assert_int_equal(kind_of(204, ""), TR_PROBLEM_NONE);
}

TEST(answers_of_others_are_a_broken_path)
{
	assert_int_equal(kind_of(502, "<html>Bad Gateway</html>"), TR_PROBLEM_PATH);
	assert_int_equal(kind_of(504, ""), TR_PROBLEM_PATH);
	assert_int_equal(kind_of(404, "{\"error\":\"x\"}"), TR_PROBLEM_PATH);
	assert_int_equal(kind_of(302, ""), TR_PROBLEM_PATH);
	assert_int_equal(kind_of(500, "{\"type\":\"urn:sandbox-agent:error:never_heard_of\"}"), TR_PROBLEM_PATH);
	assert_int_equal(kind_of(504, "{\"type\":\"urn:sandbox-agent:error:timeout\"}"), TR_PROBLEM_WAIT);
	assert_int_equal(kind_of(401, "<html>"), TR_PROBLEM_TOKEN);
	assert_int_equal(kind_of(413, "length limit exceeded"), TR_PROBLEM_REFUSED);
}

TEST(what_never_arrived_and_what_may_have_are_told_apart)
{
	assert_int_equal(read_answer(TR_HTTP_NOT_SENT, 0, "").kind, TR_PROBLEM_NOT_SENT);
	assert_int_equal(read_answer(TR_HTTP_BROKEN, 0, "").kind, TR_PROBLEM_UNSURE);
	assert_int_equal(read_answer(TR_HTTP_TIMED_OUT, 0, "").kind, TR_PROBLEM_UNSURE);
	assert_int_equal(read_answer(TR_HTTP_BROKEN, 200, "").kind, TR_PROBLEM_UNSURE);
	assert_string_equal(read_answer(TR_HTTP_BROKEN, 0, "").words, "because");
}

TEST(words_are_the_detail_or_the_title_or_the_status)
{
	assert_string_equal(read_answer(TR_HTTP_DONE, 500, "{\"type\":\"urn:sandbox-agent:error:"
		"install_failed\",\"title\":\"T\",\"detail\":\"a\\nb\"}").words, "a b");
	assert_string_equal(read_answer(TR_HTTP_DONE, 500, "{\"type\":\"urn:sandbox-agent:error:"
		"install_failed\",\"title\":\"T\"}").words, "T");
	assert_string_equal(read_answer(TR_HTTP_DONE, 503, "<html>").words, "HTTP status 503");
}

TEST(words_are_cut_between_characters)
{
	char words[8];

	tr_words(words, sizeof words, (struct troupe_text){ "1234\xe2\x82\xac" "5", 8 });
	assert_string_equal(words, "1234\xe2\x82\xac");
	tr_words(words, sizeof words, (struct troupe_text){ "12345\xe2\x82\xac", 8 });
	assert_string_equal(words, "12345");
	tr_words(words, sizeof words, (struct troupe_text){ "\xff\x01x", 3 });
	assert_string_equal(words, "\xef\xbf\xbd x");
	tr_words(words, sizeof words, (struct troupe_text){ 0 });
	assert_string_equal(words, "");
}

TESTS(
	RUN(recorded_problems_are_told_apart),
	RUN(successes_are_no_problem),
	RUN(answers_of_others_are_a_broken_path),
	RUN(what_never_arrived_and_what_may_have_are_told_apart),
	RUN(words_are_the_detail_or_the_title_or_the_status),
	RUN(words_are_cut_between_characters))
