/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to packed values, and the check that text is JSON. Both are the same reader: without an output it only checks,
 * so that the two can never disagree.
 *
 * One pass, in the order of the text. How many elements an array has is known at its end; its head is widened then,
 * when it has more than the fifteen that fit the byte kept free for it. */
#include "proto/compat.h"
#include "proto/json.h"
#include "proto/json_scan.h"
#include "proto/number.h"
#include "proto/troupe_errors.h"

struct reader {
	const char      *at, *end;
	struct tr_bytes *out;    /* NULL: only check */
	bool             revive; /* "$" forms */
	const char      *why;
};

static int fail(struct reader *r, const char *why)
{
	r->why = why;
	return TROUPE_EBADVALUE;
}

static bool take(struct reader *r, char c)
{
	bool there = r->at < r->end && *r->at == c;

	r->at += there;
	return there;
}

static void space(struct reader *r)
{
	r->at = tr_json_space(r->at, r->end);
}

static int read_word(struct reader *r, const char *word, size_t size)
{
	if ((size_t)(r->end - r->at) < size || memcmp(r->at, word, size) != 0)
		return fail(r, "an unknown word");
	r->at += size;
	return 0;
}

static int read_nil(struct reader *r)
{
	int err = read_word(r, "null", 4);

	if (!err && r->out)
		tr_put_nil(r->out);
	return err;
}

static int read_bool(struct reader *r, bool value)
{
	int err = value ? read_word(r, "true", 4) : read_word(r, "false", 5);

	if (!err && r->out)
		tr_put_bool(r->out, value);
	return err;
}

static int read_number(struct reader *r)
{
	struct tr_decimal d;
	const char *after = tr_decimal_scan(r->at, r->end, &d);

	if (!after)
		return fail(r, "a number is not written as JSON wants it");
	r->at = after;
	if (!r->out)
		return 0;
	if (!d.exponent && d.digits && d.digits <= (uint64_t)1 << 53)
		tr_put_int(r->out, d.negative ? -(int64_t)d.digits : (int64_t)d.digits);
	else
		tr_put_float(r->out, tr_decimal_double(&d));
	return 0;
}

static void put_string(struct tr_bytes *out, const struct tr_json_string *s)
{
	char *room;

	if (!s->escaped) {
		tr_put_str(out, s->raw, s->size);
		return;
	}
	room = tr_put_str_room(out, s->size);
	if (room)
		tr_json_unescape(s, room);
}

static int read_string(struct reader *r)
{
	struct tr_json_string s;
	const char *after = tr_json_scan_string(r->at + 1, r->end, &s, &r->why);

	if (!after)
		return TROUPE_EBADVALUE;
	r->at = after;
	if (r->out)
		put_string(r->out, &s);
	return 0;
}

static int read_value(struct reader *r, unsigned depth, bool literal);

static int read_member(struct reader *r, unsigned depth)
{
	int err;

	if (r->at == r->end || *r->at != '"')
		return fail(r, "an object's member has no name in quotes");
	err = read_string(r);
	if (err)
		return err;
	space(r);
	if (!take(r, ':'))
		return fail(r, "a colon is missing in an object");
	space(r);
	return read_value(r, depth, false);
}

/* Behind a member or element: is there another one, or the end? */
static int read_on(struct reader *r, char end, const char *endless, bool *more)
{
	space(r);
	*more = take(r, ',');
	if (*more)
		space(r);
	else if (!take(r, end))
		return fail(r, endless);
	return 0;
}

static int read_object(struct reader *r, unsigned depth)
{
	size_t start = r->out ? tr_put_open(r->out) : 0;
	uint32_t pairs = 0;
	bool more = !take(r, '}');

	for (; more; pairs++) {
		int err = read_member(r, depth);

		if (err)
			return err;
		err = read_on(r, '}', "an object has no end", &more);
		if (err)
			return err;
	}
	if (r->out)
		tr_put_close_map(r->out, start, pairs);
	return 0;
}

/* Is the second element, which comes next, that of a Set? Then it holds the Set's elements and is no form itself. There
 * is a Set only when it is the last one, and that has to be known before it is read: on it depends what in it is a form. */
static bool opens_set(const struct reader *r, size_t array)
{
	const char *behind;

	if (r->at == r->end || *r->at != '[' || !tr_compat_opens_set(r->out, array + 1))
		return false;
	behind = tr_json_space(tr_json_skip_value(r->at, r->end), r->end);
	return behind < r->end && *behind == ']';
}

/* `literal`: this array is no "$" form, whatever it starts with. */
static int read_array(struct reader *r, unsigned depth, bool literal)
{
	size_t start = r->out ? tr_put_open(r->out) : 0;
	bool revive = r->revive && !literal;
	uint32_t count = 0;
	bool more = !take(r, ']');

	for (; more; count++) {
		int err = read_value(r, depth, revive && count == 1 && opens_set(r, start));

		if (err)
			return err;
		err = read_on(r, ']', "an array has no end", &more);
		if (err)
			return err;
	}
	if (r->out)
		tr_put_close_array(r->out, start, count);
	return revive && count == 2 ? tr_compat_revive(r->out, start, &r->why) : 0;
}

static int read_container(struct reader *r, unsigned depth, bool literal)
{
	bool array = *r->at == '[';

	if (!depth)
		return fail(r, "nested too deeply");
	r->at++;
	space(r);
	return array ? read_array(r, depth - 1, literal) : read_object(r, depth - 1);
}

static int read_value(struct reader *r, unsigned depth, bool literal)
{
	if (r->at == r->end)
		return fail(r, "the text ends too early");
	switch (*r->at) {
	case '"': return read_string(r);
	case '{':
	case '[': return read_container(r, depth, literal);
	case 't': return read_bool(r, true);
	case 'f': return read_bool(r, false);
	case 'n': return read_nil(r);
	default:  return read_number(r);
	}
}

static int read_text(struct reader *r, unsigned depth)
{
	int err;

	if (r->end - r->at > INT32_MAX)
		return fail(r, "the text is too large");
	err = read_value(r, depth, false);
	if (!err && r->out && r->out->failed)
		err = TROUPE_ENOMEM;
	return err;
}

static struct reader reader(struct troupe_text json)
{
	const char *at = json.data ? json.data : "";

	return (struct reader){ .at = at, .end = at + json.size };
}

int tr_json_decode(struct tr_bytes *out, struct troupe_text json, enum tr_json_mode mode, unsigned depth,
                   const char **why)
{
	struct reader r = reader(json);
	size_t before = out->size;
	int err;

	r.out = out;
	r.revive = mode == TR_JSON_COMPAT;
	r.why = "there is no memory left";
	space(&r);
	err = read_text(&r, depth);
	if (!err) {
		space(&r);
		if (r.at != r.end)
			err = fail(&r, "something follows the value");
	}
	if (err)
		out->size = before;
	if (err && why)
		*why = r.why;
	return err;
}

int tr_json_check(struct troupe_text json, unsigned depth, const char **why)
{
	struct reader r = reader(json);
	int err = read_text(&r, depth);

	if (!err && r.at != r.end)
		err = fail(&r, "something follows the value");
	if (err && why)
		*why = r.why;
	return err;
}
