/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes. A line is a field name, perhaps a colon, perhaps one space, and a value; the value of a data
 * line goes straight into the event's data, whatever its length, and everything else into buffers of fixed size. */
#include "runtime/sandbox/wire/sse.h"

#include <string.h>

void tr_sse_init(struct tr_sse *p, size_t data_max)
{
	*p = (struct tr_sse){ .data_max = data_max };
}

void tr_sse_fini(struct tr_sse *p)
{
	tr_bytes_free(&p->data);
}

static void forget_event(struct tr_sse *p)
{
	tr_bytes_clear(&p->data);
	p->bytes = 0;
	p->has_id = p->has_data = p->oversize = p->done = false;
	p->type_size = 0;
}

/* ------------------------------------------------------------------ the value of a line */

static void put_data(struct tr_sse *p, const char *from, size_t size)
{
	p->bytes += size;
	if (p->oversize)
		return;
	if (p->data.size + size <= p->data_max)
		tr_bytes_put(&p->data, from, size);
	if (p->bytes > p->data_max || p->data.failed) {
		p->oversize = true;
		tr_bytes_free(&p->data);
	}
}

static void put_short(char into[TR_SSE_NAME_MAX], size_t *used, const char *from, size_t size)
{
	size_t room = *used < TR_SSE_NAME_MAX ? TR_SSE_NAME_MAX - *used : 0;

	memcpy(into + (TR_SSE_NAME_MAX - room), from, size < room ? size : room);
	*used += size;
}

static bool field_is(const struct tr_sse *p, const char *name)
{
	return p->name_size == strlen(name) && memcmp(p->name, name, p->name_size) == 0;
}

static void start_value(struct tr_sse *p)
{
	p->field = field_is(p, "data") ? TR_SSE_DATA : field_is(p, "id") ? TR_SSE_ID
	           : field_is(p, "event") ? TR_SSE_TYPE : TR_SSE_OTHER;
	p->value_size = 0;
	if (p->field == TR_SSE_TYPE)
		p->type_size = 0;
	if (p->field == TR_SSE_DATA) {
		if (p->has_data)
			put_data(p, "\n", 1);
		p->has_data = true;
	}
}

static void put_value(struct tr_sse *p, const char *from, size_t size)
{
	if (p->field == TR_SSE_DATA)
		put_data(p, from, size);
	else if (p->field == TR_SSE_ID)
		put_short(p->value, &p->value_size, from, size);
	else if (p->field == TR_SSE_TYPE)
		put_short(p->type, &p->type_size, from, size);
}

static bool decimal(const char *text, size_t size, uint64_t *ret)
{
	uint64_t n = 0;

	if (size == 0 || size > 18)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text[i] - '0');
	}
	*ret = n;
	return true;
}

/* ------------------------------------------------------------------ lines */

/* True: the line was empty and ends an event. */
static bool end_line(struct tr_sse *p)
{
	bool empty = p->state == TR_SSE_LINE;

	if (p->state == TR_SSE_NAME)
		start_value(p); /* a name without a colon: its value is empty */
	if (p->state != TR_SSE_LINE && p->field == TR_SSE_ID)
		p->has_id = decimal(p->value, p->value_size, &p->id);
	p->state = TR_SSE_LINE;
	p->field = TR_SSE_OTHER;
	if (!empty)
		return false;
	if (p->has_data)
		return true;
	forget_event(p);
	return false;
}

/* How many of the bytes belong to the present line, before its end. */
static size_t span_line(const char *at, size_t left)
{
	size_t size = 0;

	while (size < left && at[size] != '\n' && at[size] != '\r')
		size++;
	return size;
}

static void read_name(struct tr_sse *p, const char *from, size_t size)
{
	const char *colon = memchr(from, ':', size);

	if (p->state == TR_SSE_LINE)
		p->name_size = 0;
	p->state = TR_SSE_NAME;
	if (!colon) {
		put_short(p->name, &p->name_size, from, size);
		return;
	}
	put_short(p->name, &p->name_size, from, (size_t)(colon - from));
	start_value(p);
	p->state = TR_SSE_SPACE;
	colon++;
	size -= (size_t)(colon - from);
	if (size == 0)
		return;
	p->state = TR_SSE_VALUE;
	if (*colon == ' ') {
		colon++;
		size--;
	}
	put_value(p, colon, size);
}

static void read_line(struct tr_sse *p, const char *from, size_t size)
{
	if (size == 0)
		return;
	if (p->state == TR_SSE_LINE || p->state == TR_SSE_NAME) {
		read_name(p, from, size);
		return;
	}
	if (p->state == TR_SSE_SPACE && *from == ' ') {
		from++;
		size--;
	}
	p->state = TR_SSE_VALUE;
	put_value(p, from, size);
}

/* A BOM may come before the first line. One that turns out to be none was no field that we know either. */
static void skip_bom(struct tr_sse *p, const char **at, size_t *left)
{
	static const char bom[] = "\xef\xbb\xbf";

	while (p->bom < 3 && *left > 0) {
		if (**at != bom[p->bom]) {
			if (p->bom > 0)
				read_line(p, bom, p->bom);
			p->bom = 3;
			return;
		}
		p->bom++;
		(*at)++;
		(*left)--;
	}
}

bool tr_sse_next(struct tr_sse *p, const char **at, size_t *left, struct tr_sse_event *ret)
{
	if (p->done)
		forget_event(p);
	skip_bom(p, at, left);
	while (*left > 0) {
		size_t size;
		bool event;

		if (p->after_cr && **at == '\n') {
			p->after_cr = false;
			(*at)++;
			(*left)--;
			continue;
		}
		p->after_cr = false;
		size = span_line(*at, *left);
		read_line(p, *at, size);
		*at += size;
		*left -= size;
		if (*left == 0)
			break;
		p->after_cr = **at == '\r';
		(*at)++;
		(*left)--;
		event = end_line(p);
		if (!event)
			continue;
		p->done = true;
		*ret = (struct tr_sse_event){
			.has_id   = p->has_id,
			.id       = p->id,
			.type     = { p->type, p->type_size },
			.data     = { (const char *)p->data.data, p->data.size },
			.oversize = p->oversize,
			.bytes    = p->bytes,
		};
		if (p->type_size == 0 || p->type_size > TR_SSE_NAME_MAX)
			ret->type = (struct troupe_text){ "message", 7 };
		if (!ret->data.data)
			ret->data.data = "";
		return true;
	}
	return false;
}
