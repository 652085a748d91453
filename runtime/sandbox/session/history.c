/* SPDX-License-Identifier: Apache-2.0 */
/* A list of messages, trimmed whenever it grows. */
#include "runtime/sandbox/session/history.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

static const char opening[] = "This continues a conversation that you have no memory of. What was said before, oldest first:\n\n";
static const char closing[] = "That was the earlier conversation. It is context, not a new request.\n";
static const char cut_mark[] = "\xe2\x80\xa6"; /* one character: ... */

#define MESSAGE_COST 16 /* counted for each, so that empty ones are bounded too */

enum role { ROLE_USER, ROLE_AGENT, ROLE_TOOL };

struct message {
	struct tr_list  link;
	enum role       role;
	char           *name;    /* a user's; NULL: none */
	char           *tool_id;
	char           *status;
	struct tr_bytes text;
	size_t          characters;
};

static size_t count_characters(const void *text, size_t size)
{
	const uint8_t *at = text;
	size_t count = 0;

	for (size_t i = 0; i < size; i++)
		count += (at[i] & 0xc0) != 0x80;
	return count;
}

void tr_history_init(struct tr_history *h, size_t characters_max)
{
	*h = (struct tr_history){ .characters_max = characters_max };
	tr_list_init(&h->messages);
}

static void message_free(struct tr_history *h, struct message *m)
{
	h->characters -= m->characters + MESSAGE_COST;
	tr_list_remove(&m->link);
	tr_bytes_free(&m->text);
	free(m->name);
	free(m->tool_id);
	free(m->status);
	free(m);
}

void tr_history_fini(struct tr_history *h)
{
	struct tr_list *first;

	while (h->messages.next && (first = tr_list_first(&h->messages)))
		message_free(h, tr_container(first, struct message, link));
}

/* Where the last `characters` characters begin. */
static size_t tail_at(const struct tr_bytes *text, size_t characters)
{
	size_t at = text->size;

	while (at > 0 && characters > 0) {
		at--;
		characters -= (text->data[at] & 0xc0) != 0x80;
	}
	return at;
}

/* A message that grows for hours stays within twice the limit. */
static void trim_message(struct tr_history *h, struct message *m)
{
	size_t at;

	if (m->characters <= 2 * h->characters_max)
		return;
	at = tail_at(&m->text, h->characters_max);
	memmove(m->text.data, m->text.data + at, m->text.size - at);
	m->text.size -= at;
	h->characters -= m->characters - h->characters_max;
	m->characters = h->characters_max;
}

static void trim(struct tr_history *h)
{
	while (h->characters > h->characters_max && h->messages.next != h->messages.prev)
		message_free(h, tr_container(h->messages.next, struct message, link));
}

static void append(struct tr_history *h, struct message *m, const void *text, size_t size)
{
	size_t characters = count_characters(text, size);

	tr_bytes_put(&m->text, text, size);
	m->characters += characters;
	h->characters += characters;
	trim_message(h, m);
	trim(h);
}

static struct message *message_new(struct tr_history *h, enum role role)
{
	struct message *m = tr_alloc(sizeof *m);

	m->role = role;
	h->characters += MESSAGE_COST;
	tr_list_push(&h->messages, &m->link);
	return m;
}

static struct message *newest(const struct tr_history *h)
{
	return tr_list_empty(&h->messages) ? NULL : tr_container(h->messages.prev, struct message, link);
}

void tr_history_user(struct tr_history *h, const char *who, const char *text)
{
	struct message *m = message_new(h, ROLE_USER);

	m->name = who ? tr_strndup(who, strnlen(who, 128)) : NULL;
	append(h, m, text, strlen(text));
}

void tr_history_agent(struct tr_history *h, struct troupe_text text)
{
	struct message *m = newest(h);

	if (text.size == 0)
		return;
	if (!m || m->role != ROLE_AGENT)
		m = message_new(h, ROLE_AGENT);
	append(h, m, text.data, text.size);
}

static struct message *find_tool(struct tr_history *h, const char *tool_id)
{
	for (struct tr_list *at = h->messages.prev; at != &h->messages; at = at->prev) {
		struct message *m = tr_container(at, struct message, link);

		if (m->role == ROLE_TOOL && m->tool_id && strcmp(m->tool_id, tool_id) == 0)
			return m;
	}
	return NULL;
}

void tr_history_tool(struct tr_history *h, const char *tool_id, const char *title, const char *status)
{
	struct message *m = find_tool(h, tool_id);

	if (!m && !title)
		return;
	if (!m) {
		m = message_new(h, ROLE_TOOL);
		m->tool_id = tr_strdup(tool_id);
	}
	if (status) {
		free(m->status);
		m->status = tr_strdup(status);
	}
	if (title) {
		h->characters -= m->characters;
		m->characters = 0;
		tr_bytes_clear(&m->text);
		append(h, m, title, strlen(title));
	}
}

/* ------------------------------------------------------------------ the text */

static void put_label(const struct message *m, struct tr_bytes *out)
{
	if (m->role == ROLE_USER && m->name)
		tr_bytes_printf(out, "User %s: ", m->name);
	else
		tr_bytes_put_text(out, m->role == ROLE_USER ? "User: " : m->role == ROLE_AGENT ? "Agent: " : "Tool: ");
}

/* Label, text from `at` on, status, empty line. */
static void put_message(const struct message *m, size_t at, struct tr_bytes *out)
{
	put_label(m, out);
	if (at > 0)
		tr_bytes_put_text(out, cut_mark);
	tr_bytes_put(out, m->text.data + at, m->text.size - at);
	if (m->status)
		tr_bytes_printf(out, " (%s)", m->status);
	tr_bytes_put_text(out, "\n\n");
}

static size_t characters_of(const struct message *m)
{
	struct tr_bytes frame = { 0 };
	size_t characters;

	put_label(m, &frame);
	characters = count_characters(frame.data, frame.size) + m->characters + 2 + (m->status ? strlen(m->status) + 3 : 0);
	tr_bytes_free(&frame);
	return characters;
}

void tr_history_text(const struct tr_history *h, struct tr_bytes *out)
{
	size_t room = h->characters_max - (sizeof opening - 1) - (sizeof closing - 1), cut = 0;
	struct tr_list *first = (struct tr_list *)&h->messages;

	while (first->prev != &h->messages) {
		struct message *m = tr_container(first->prev, struct message, link);
		size_t need = characters_of(m);

		if (need > room && m != newest(h))
			break;
		first = first->prev;
		if (need > room) {
			cut = tail_at(&m->text, m->characters - (need - room) - 1);
			break;
		}
		room -= need;
	}
	if (first == &h->messages)
		return;
	tr_bytes_put_text(out, opening);
	for (; first != &h->messages; first = first->next, cut = 0)
		put_message(tr_container(first, struct message, link), cut, out);
	tr_bytes_put_text(out, closing);
}

/* ------------------------------------------------------------------ the item */

void tr_history_put(const struct tr_history *h, struct tr_bytes *out)
{
	size_t start = tr_put_open(out);
	uint32_t count = 0;

	for (struct tr_list *at = h->messages.next; at != &h->messages; at = at->next, count++) {
		struct message *m = tr_container(at, struct message, link);

		tr_put_array(out, 5);
		tr_put_int(out, m->role);
		tr_put_text(out, m->name);
		tr_put_text(out, m->tool_id);
		tr_put_text(out, m->status);
		tr_put_str(out, (const char *)m->text.data, m->text.size);
	}
	tr_put_close_array(out, start, count);
}

static char *read_text(struct troupe_value message, uint32_t index)
{
	struct troupe_value v;
	struct troupe_text text;

	return tr_value_element(message, index, &v) && tr_value_text(v, &text) ? tr_strndup(text.data, text.size) : NULL;
}

static void read_message(struct tr_history *h, struct troupe_value v)
{
	struct troupe_value role_value, text_value;
	struct troupe_text text;
	struct message *m;
	int64_t role;

	if (!tr_value_element(v, 0, &role_value) || !tr_value_integer(role_value, &role) || role < ROLE_USER || role > ROLE_TOOL
	    || !tr_value_element(v, 4, &text_value) || !tr_value_text(text_value, &text))
		return;
	m = message_new(h, (enum role)role);
	m->name = read_text(v, 1);
	m->tool_id = read_text(v, 2);
	m->status = read_text(v, 3);
	append(h, m, text.data, text.size);
}

void tr_history_read(struct tr_history *h, struct troupe_value v)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item head;
	struct troupe_value message;
	size_t max = h->characters_max;

	tr_history_fini(h);
	tr_history_init(h, max);
	if (tr_next(&c, &head) < 0 || head.kind != TR_ARRAY)
		return;
	while (head.count-- > 0 && tr_skip(&c, &message) == 0)
		read_message(h, message);
}
