/* SPDX-License-Identifier: Apache-2.0 */
/* A file to copy. To make it yours:
 *
 *   1. Copy it to actors/NAME.c and replace "notebook" by NAME throughout.
 *   2. Say what outlives a restart: the fields of the struct that stand in its record.
 *   3. Write one function for each action, and its row in the table; describe its arguments by a record.
 *   4. Fill in the form at the end, with only the hooks that have something to do.
 *   5. Name the kind in actors/main.c, or in a main() of your own: troupe_main(argc, argv, kinds).
 *
 * This one is a notebook that several people write into: every line is published, so whoever comes back gets what they
 * missed. It is built, and served, as it stands. */
#include <troupe.h>

/* 2. What outlives everything. */
struct notebook { int64_t lines; const char *title; };
static const struct troupe_record notebook = TROUPE_RECORD(notebook,
	TROUPE_FIELD(notebook, lines, "lines"),
	TROUPE_OPTION(notebook, title, "title"));

/* 3. An action: its arguments, then what it does. */
struct line { const char *user_id, *text; };
static const struct troupe_record line = TROUPE_RECORD(line,
	TROUPE_FIELD(line, user_id, "userId"),
	TROUPE_FIELD(line, text, "text"));

static int notebook_write(struct troupe_actor *a, struct troupe_call *call)
{
	struct notebook *self = troupe_self(a);
	const struct line *in = troupe_args(call);

	if (!*in->text)
		return troupe_fail(call, TROUPE_EINVAL, "text: there is nothing to write");
	self->lines++;
	troupe_publish(a, "line", &line, in);
	return troupe_reply_int(call, self->lines);
}

struct title { const char *title; };
static const struct troupe_record title = TROUPE_RECORD(title,
	TROUPE_FIELD(title, title, "title"));

static int notebook_set_title(struct troupe_actor *a, struct troupe_call *call)
{
	struct notebook *self = troupe_self(a);
	const struct title *in = troupe_args(call);

	troupe_set_text(a, &self->title, in->title);
	troupe_publish(a, "title", &title, in);
	return 0;
}

static int notebook_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &notebook, troupe_self(a));
}

/* 4. The form. */
static const struct troupe_action notebook_actions[] = {
	{ .name = "write",    .run = notebook_write,     .takes = &line },
	{ .name = "setTitle", .run = notebook_set_title, .takes = &title },
	{ .name = "get",      .run = notebook_get, .reads = true },
	{ 0 }
};

const struct troupe_kind notebook_kind = {
	.name    = "notebook",
	.size    = sizeof(struct notebook),
	.state   = &notebook,
	.initial = &(const struct notebook){ .title = "Untitled" },
	.actions = notebook_actions,
};
