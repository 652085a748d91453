/* SPDX-License-Identifier: Apache-2.0 */
/* Plays scenes: short texts in which people join rooms, call actions and hear events, against the real core and the real
 * actors in a world of fakes (tests/kit/world.h), in both of its modes. tests/scenes/README.md has the
 * language. play FILE...
 *
 * A line is a sentence; what somebody hears is compared as JSON: `*` matches anything, and an object may have more
 * members than the sentence says. */
#include <ctype.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/log.h"
#include "tests/kit/agents.h"
#include "tests/kit/world.h"

#define PEOPLE_MAX 16
#define ANYTHING   "\"\\u0001any\""

extern const struct troupe_kind workspace_kind, counter_kind, notebook_kind;
static const struct troupe_kind *const kinds[] = { &workspace_kind, &counter_kind, &notebook_kind, NULL };

struct person { char name[32]; struct tr_someone someone; };

struct play {
	const char     *file;
	int             line;
	char            scene[256];
	struct tr_world world;
	bool            open, failed;
	struct person   people[PEOPLE_MAX];
	size_t          count;
	int             passed, bad;
};

static void complain(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void complain(struct play *p, const char *format, ...)
{
	va_list args;

	printf("%s:%d: in \"%s\": ", p->file, p->line, p->scene);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	p->failed = true;
}

/* ------------------------------------------------------------------ matching */

static bool same(const json_t *want, const json_t *got);

static bool same_members(json_t *want, const json_t *got)
{
	const char *name;
	json_t *member;

	json_object_foreach(want, name, member) {
		if (!same(member, json_object_get(got, name)))
			return false;
	}
	return true;
}

static bool same(const json_t *want, const json_t *got)
{
	if (!got)
		return false;
	if (json_is_string(want) && strcmp(json_string_value(want), "\001any") == 0)
		return true;
	if (json_is_object(want) && json_is_object(got))
		return same_members((json_t *)(uintptr_t)want, got);
	if (json_is_array(want) && json_is_array(got)) {
		bool equal = json_array_size(want) == json_array_size(got);

		for (size_t i = 0; equal && i < json_array_size(want); i++)
			equal = same(json_array_get(want, i), json_array_get(got, i));
		return equal;
	}
	return json_equal((json_t *)(uintptr_t)want, (json_t *)(uintptr_t)got);
}

/* `*` outside of strings becomes a text that no message holds. */
static json_t *pattern(struct play *p, const char *text)
{
	struct tr_bytes out = { 0 };
	bool quoted = false;
	json_t *j;

	for (; *text; text++) {
		if (*text == '"' && text[-1] != '\\')
			quoted = !quoted;
		if (*text == '*' && !quoted)
			tr_bytes_put_text(&out, ANYTHING);
		else
			tr_bytes_put_byte(&out, (uint8_t)*text);
	}
	j = json_loads(tr_bytes_text(&out), JSON_DECODE_ANY, NULL);
	if (!j)
		complain(p, "this is not JSON: %s", tr_bytes_text(&out));
	tr_bytes_free(&out);
	return j;
}

static bool matches(struct play *p, const char *want, json_t *got)
{
	json_t *w = pattern(p, want);
	bool equal = w && same(w, got);

	if (w && !equal) {
		char *text = json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);

		complain(p, "expected %s, got %s", want, text ? text : "nothing");
		free(text);
	}
	json_decref(w);
	return equal;
}

/* ------------------------------------------------------------------ people */

static struct person *person(struct play *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->people[i].name, name) == 0)
			return &p->people[i];
	}
	if (p->count == PEOPLE_MAX) {
		complain(p, "too many people");
		return NULL;
	}
	snprintf(p->people[p->count].name, sizeof p->people[p->count].name, "%s", name);
	return &p->people[p->count++];
}

/* Cuts the first word off. */
static char *word(char **rest)
{
	char *begin = *rest, *end;

	while (isspace((unsigned char)*begin))
		begin++;
	end = begin;
	while (*end && !isspace((unsigned char)*end))
		end++;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return begin;
}

static void joins(struct play *p, struct person *who, char *rest)
{
	static const char *const names[] = { "chat.user", "session.event", "presence", "newCount", "appended", "tick",
		"line", "title", "typing" };
	char *kind = word(&rest), *key = strchr(kind, '/');

	if (!key) {
		complain(p, "join what? kind/key would do");
		return;
	}
	*key++ = 0;
	tr_someone_leaves(&who->someone);
	tr_someone_joins(&who->someone, &p->world, kind, key, *rest ? rest : NULL);
	tr_world_turn(&p->world);
	if (!tr_someone_hears_tag(&who->someone, "Init"))
		return; /* refused: the scene will say so */
	who->someone.next = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		tr_someone_subscribes(&who->someone, names[i], true);
	tr_world_pass(&p->world, 100);
}

static void calls(struct play *p, struct person *who, char *rest)
{
	char *action = word(&rest);
	struct tr_bytes args = { 0 };

	tr_bytes_printf(&args, "[%s]", rest);
	tr_someone_calls(&who->someone, action, tr_bytes_text(&args));
	tr_world_turn(&p->world);
	tr_bytes_free(&args);
}

/* The next message of a tag that is not an event of another name; presence is passed over unless it is asked for. */
static json_t *next_message(struct person *who, const char *tag, const char *name)
{
	const char *text;

	while ((text = tr_someone_hears(&who->someone))) {
		json_t *message = json_loads(text, 0, NULL), *body = json_object_get(message, "body");
		const char *got = json_string_value(json_object_get(body, "tag"));
		json_t *val = json_incref(json_object_get(body, "val"));
		const char *event = json_string_value(json_object_get(val, "name"));
		bool skip = !got || strcmp(got, "Init") == 0 || (strcmp(got, tag) != 0) ||
		            (event && name && strcmp(name, "presence") != 0 && strcmp(event, "presence") == 0);

		json_decref(message);
		if (!skip)
			return val;
		json_decref(val);
	}
	return NULL;
}

static void hears(struct play *p, struct person *who, char *rest)
{
	char *name = word(&rest);
	json_t *val = next_message(who, "Event", name);
	const char *got = json_string_value(json_object_get(val, "name"));

	if (strcmp(name, "nothing") == 0) {
		if (val)
			complain(p, "%s heard %s", who->name, got);
	} else if (!got || strcmp(got, name) != 0) {
		complain(p, "%s should have heard %s, and heard %s", who->name, name, got ? got : "nothing");
	} else {
		matches(p, *rest ? rest : "*", json_array_get(json_object_get(val, "args"), 0));
	}
	json_decref(val);
}

/* An answer that was looked at is not to be found again. */
static void strike_out(struct person *who, const char *begin)
{
	for (size_t i = who->someone.next; i < who->someone.count; i++) {
		if (strncmp(who->someone.heard[i], begin, strlen(begin)) == 0) {
			strcpy(who->someone.heard[i], "{}");
			return;
		}
	}
}

static void answered(struct play *p, struct person *who, char *rest)
{
	bool error = strncmp(rest, "error", 5) == 0;
	size_t before = who->someone.next;
	json_t *val = next_message(who, error ? "Error" : "ActionResponse", NULL);

	who->someone.next = before; /* what was heard meanwhile is still to be looked at */
	if (!val) {
		complain(p, "%s got no %s", who->name, error ? "error" : "answer");
		return;
	}
	if (error) {
		char code[128];

		snprintf(code, sizeof code, "error %s.%s", json_string_value(json_object_get(val, "group")),
		         json_string_value(json_object_get(val, "code")));
		if (strncmp(rest, code, strlen(code)) != 0)
			complain(p, "%s got %s", who->name, code);
	} else if (strncmp(rest, "ok", 2) != 0) {
		matches(p, rest, json_object_get(val, "output"));
	}
	json_decref(val);
	strike_out(who, error ? "{\"body\":{\"tag\":\"Error\"" : "{\"body\":{\"tag\":\"ActionResponse\"");
}

static void is_closed(struct play *p, struct person *who, const char *reason)
{
	tr_world_turn(&p->world);
	if (!who->someone.closed || strcmp(who->someone.close_reason, reason) != 0)
		complain(p, "%s should be closed with %s, and is %s", who->name, reason,
		         who->someone.closed ? who->someone.close_reason : "not");
}

static void leaves(struct play *p, struct person *who)
{
	tr_someone_leaves(&who->someone);
	tr_world_turn(&p->world);
}

static void does(struct play *p, struct person *who, const char *verb, char *rest)
{
	if (strncmp(verb, "join", 4) == 0)
		joins(p, who, rest);
	else if (strncmp(verb, "call", 4) == 0)
		calls(p, who, rest);
	else if (strncmp(verb, "hear", 4) == 0)
		hears(p, who, rest);
	else if (strncmp(verb, "get", 3) == 0)
		answered(p, who, rest);
	else if (strncmp(verb, "leave", 5) == 0)
		leaves(p, who);
	else if (strcmp(verb, "closed:") == 0)
		is_closed(p, who, word(&rest));
	else
		complain(p, "nobody knows how to \"%s\"", verb);
}

/* ------------------------------------------------------------------ the world's own sentences */

static void everyone_leaves(struct play *p)
{
	for (size_t i = 0; i < p->count; i++)
		tr_someone_leaves(&p->people[i].someone);
	p->count = 0;
}

static void agent_does(struct play *p, char *rest)
{
	char *key = word(&rest), *verb = word(&rest);
	struct troupe_session *s = tr_agent_of(key);

	if (!s)
		complain(p, "%s has no open session", key);
	else if (strcmp(verb, "emits") == 0)
		tr_agent_emits(s, rest);
	else if (strcmp(verb, "finishes") != 0 || !tr_agent_finishes(s, word(&rest)))
		complain(p, "the agent cannot do that now");
	tr_world_turn(&p->world);
}

static void on_sleep(void *arg, const struct tr_failure *failure, const struct tr_actor_row *row, bool created)
{
	(void)row;
	(void)created;
	if (failure)
		complain(arg, "there is nobody who could sleep");
}

static void sleeps(struct play *p, const char *kind, const char *slash)
{
	tr_core_sleep(p->world.core, &(struct tr_address){
		.name = { kind, (size_t)(slash - kind) },
		.key  = { slash + 1, strlen(slash + 1) },
	}, on_sleep, p);
	tr_world_turn(&p->world);
}

static bool world_does(struct play *p, const char *first, char *rest)
{
	const char *slash = strchr(first, '/');

	if (strcmp(first, "agent") == 0) {
		agent_does(p, rest);
	} else if (slash) { /* "sleeps" */
		sleeps(p, first, slash);
	} else if (strcmp(first, "time") == 0) {
		word(&rest); /* "passes" */
		tr_world_pass(&p->world, atoi(rest));
	} else if (strcmp(first, "server") == 0) { /* "restarts" */
		everyone_leaves(p);
		tr_world_restart(&p->world, kinds, tr_agents());
		tr_world_turn(&p->world);
	} else if (strcmp(first, "disk") == 0) { /* "is full", once */
		p->world.next_commit = TROUPE_EFULL;
	} else {
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------ the play */

static void end_scene(struct play *p)
{
	if (!p->open)
		return;
	everyone_leaves(p);
	tr_world_close(&p->world);
	p->open = false;
	p->passed += !p->failed;
	p->bad += p->failed;
	printf("  %-7s %s\n", p->failed ? "FAILED" : "ok", p->scene);
}

static void begin_scene(struct play *p, char *rest)
{
	end_scene(p);
	snprintf(p->scene, sizeof p->scene, "%.*s", (int)strcspn(rest + strspn(rest, " \""), "\""), rest + strspn(rest, " \""));
	p->failed = false;
	p->open = true;
	tr_world_open(&p->world, kinds, tr_agents());
}

/* "ann, bob hear ..." is said of each of them. */
static void sentence(struct play *p, char *line)
{
	struct person *subjects[PEOPLE_MAX];
	size_t count = 0;
	char *rest = line, *first = word(&rest), *verb;

	if (strcmp(first, "scene") == 0) {
		begin_scene(p, rest);
		return;
	}
	if (!p->open) {
		complain(p, "a scene begins with: scene \"what it shows\"");
		return;
	}
	if (world_does(p, first, rest))
		return;
	for (;;) {
		size_t size = strlen(first);
		bool more = size > 0 && first[size - 1] == ',';

		if (more)
			first[size - 1] = 0;
		if (count < PEOPLE_MAX && (subjects[count] = person(p, first)))
			count++;
		if (!more)
			break;
		first = word(&rest);
	}
	verb = word(&rest);
	for (size_t i = 0; i < count; i++) {
		char copy[4096];

		snprintf(copy, sizeof copy, "%s", rest);
		does(p, subjects[i], verb, copy);
	}
}

static void play_file(struct play *p, const char *file)
{
	FILE *f = fopen(file, "r");
	char line[4096];

	p->file = file;
	p->line = 0;
	if (!f) {
		printf("%s: cannot be read\n", file);
		p->bad++;
		return;
	}
	while (fgets(line, sizeof line, f)) {
		p->line++;
		line[strcspn(line, "\n")] = 0;
		if (line[strspn(line, " \t")] && line[0] != '#')
			sentence(p, line);
	}
	end_scene(p);
	fclose(f);
}

int main(int argc, char **argv)
{
	static struct play p;

	tr_log_setup(TR_LOG_ERROR, false); /* a scene with a full disk says so itself */
	for (int late = 0; late < 2; late++) {
		tr_world_late = late;
		printf("the store answers %s\n", late ? "later" : "at once");
		for (int i = 1; i < argc; i++)
			play_file(&p, argv[i]);
	}
	printf("%d passed, %d failed\n", p.passed, p.bad + (p.passed + p.bad == 0));
	return p.bad > 0 || p.passed == 0;
}
