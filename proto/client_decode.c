/* SPDX-License-Identifier: Apache-2.0 */
/* What clients say, in the three encodings.
 *
 * A json or cbor message becomes one packed value first, and its members are then picked out of that in a single walk;
 * nothing is copied again. In bare the envelope is read in place, and only its payload is decoded; so is a json action
 * that is written the usual way, which takes a third of the time. */
#include <string.h>

#include "proto/bare.h"
#include "proto/cbor.h"
#include "proto/client.h"
#include "proto/json.h"
#include "proto/key.h"
#include "proto/troupe_errors.h"

/* How much deeper than its arguments a message is: {"body":{"val":{"args":[...]}}}, and {"args":[...]}. */
#define MESSAGE_DEPTH 3
#define HTTP_DEPTH 1

#define BARE_VERSION_MIN 1
#define BARE_VERSION_QUEUES 3 /* the first that has them */
#define BARE_VERSION_MAX 4
enum { BARE_ACTION, BARE_SUBSCRIPTION }; /* ToServer */

static const char *const encoding_names[TR_ENCODINGS] = {
	[TR_ENC_JSON] = "json", [TR_ENC_CBOR] = "cbor", [TR_ENC_BARE] = "bare",
};

bool tr_encoding_from_name(struct troupe_text name, enum tr_encoding *ret)
{
	for (int e = 0; e < TR_ENCODINGS; e++) {
		if (name.size != strlen(encoding_names[e]) || memcmp(name.data, encoding_names[e], name.size))
			continue;
		*ret = (enum tr_encoding)e;
		return true;
	}
	return false;
}

const char *tr_encoding_name(enum tr_encoding e)
{
	return encoding_names[e];
}

static int refuse(const char **why, const char *sentence)
{
	*why = sentence;
	return TROUPE_EMESSAGE;
}

/* A codec's result as the client protocol's. */
static int translate(int error)
{
	return error && error != TROUPE_ENOMEM ? TROUPE_EMESSAGE : error;
}

/* Moves a lent text into the arena. */
static int keep_text(struct tr_bytes *arena, struct troupe_text *text)
{
	size_t start = arena->size;

	tr_bytes_put(arena, text->data, text->size);
	tr_bytes_put_byte(arena, 0); /* so that there is a place, even for "" */
	if (arena->failed)
		return TROUPE_ENOMEM;
	text->data = (const char *)arena->data + start;
	return 0;
}

/* ---- members of packed maps */

struct member {
	const char         *name;  /* NULL ends a list of them */
	size_t              name_size;
	struct member      *inner; /* must be a map itself: its members are picked in the same walk ... */
	bool                found; /* ... and this says that it was there */
	struct troupe_value value; /* of those without `inner`; size 0: not there */
};
#define MEMBER(name_) .name = (name_), .name_size = sizeof(name_) - 1

static struct member *member_of(struct member *members, const struct tr_item *key)
{
	for (; key->kind == TR_STR && members->name; members++)
		if (key->size == members->name_size && !memcmp(key->data, members->name, key->size))
			return members;
	return NULL;
}

/* Fills in the members of the map at the cursor, and steps over it. False when it is no map. */
static bool pick(struct tr_cursor *c, struct member *members)
{
	struct tr_item map, key;
	struct member *m;

	for (m = members; m->name; m++) {
		m->found = false;
		m->value = (struct troupe_value){ NULL, 0 };
	}
	if (tr_next(c, &map) || map.kind != TR_MAP)
		return false;
	for (uint32_t i = 0; i < map.count; i++) {
		if (tr_next(c, &key))
			return false;
		m = member_of(members, &key);
		if (m && m->inner) {
			m->found = true;
			if (!pick(c, m->inner))
				return false;
		} else if (tr_skip(c, m ? &m->value : NULL)) {
			return false;
		}
	}
	return true;
}

static enum tr_kind kind_of(struct troupe_value v)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	return v.size && !tr_next(&c, &item) ? item.kind : TR_UNDEFINED;
}

static bool parse_u64(const char *digits, size_t size, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++) {
		if (digits[i] < '0' || digits[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(digits[i] - '0'), &value))
			return false;
	}
	*ret = value;
	return size > 0;
}

static bool read_id(struct troupe_value v, uint64_t *ret)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;
	int64_t integer;

	if (!v.size || tr_next(&c, &item))
		return false;
	if (item.kind == TR_BIGINT)
		return parse_u64(item.data, item.size, ret);
	if (!tr_value_integer(v, &integer) || integer < 0)
		return false;
	*ret = (uint64_t)integer;
	return true;
}

static bool read_bool(struct troupe_value v, bool *ret)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	if (!v.size || tr_next(&c, &item) || item.kind != TR_BOOL)
		return false;
	*ret = item.boolean;
	return true;
}

/* ---- json and cbor messages */

enum { ID, NAME, ARGS, EVENT_NAME, SUBSCRIBE, MEMBERS };

static int read_action(const struct member *val, struct tr_client_message *ret, const char **why)
{
	ret->kind = TR_CLIENT_ACTION;
	ret->args = val[ARGS].value;
	if (!read_id(val[ID].value, &ret->id))
		return refuse(why, "id must be a BigInt or a whole number, and not negative");
	if (!tr_value_text(val[NAME].value, &ret->name))
		return refuse(why, "name must be text");
	if (kind_of(ret->args) != TR_ARRAY)
		return refuse(why, "args must be an array");
	return 0;
}

static int read_subscription(const struct member *val, struct tr_client_message *ret, const char **why)
{
	ret->kind = TR_CLIENT_SUBSCRIPTION;
	if (!tr_value_text(val[EVENT_NAME].value, &ret->name))
		return refuse(why, "eventName must be text");
	if (!read_bool(val[SUBSCRIBE].value, &ret->subscribe))
		return refuse(why, "subscribe must be true or false");
	return 0;
}

static bool is(struct troupe_text text, const char *expected)
{
	return text.size == strlen(expected) && !memcmp(text.data, expected, text.size);
}

static int read_packed(struct troupe_value message, struct tr_client_message *ret, const char **why)
{
	struct member val[MEMBERS + 1] = {
		[ID] = { MEMBER("id") }, [NAME] = { MEMBER("name") }, [ARGS] = { MEMBER("args") },
		[EVENT_NAME] = { MEMBER("eventName") }, [SUBSCRIBE] = { MEMBER("subscribe") },
	};
	struct member body[] = { { MEMBER("tag") }, { MEMBER("val"), .inner = val }, { 0 } };
	struct member top[] = { { MEMBER("body"), .inner = body }, { 0 } };
	struct tr_cursor c = tr_cursor(message);
	struct troupe_text tag;

	if (!pick(&c, top) || !top[0].found || !body[1].found || !tr_value_text(body[0].value, &tag))
		return refuse(why, "a message is {\"body\":{\"tag\":text,\"val\":{...}}}");
	if (is(tag, "ActionRequest"))
		return read_action(val, ret, why);
	if (is(tag, "SubscriptionRequest"))
		return read_subscription(val, ret, why);
	return refuse(why, "tag must be ActionRequest or SubscriptionRequest");
}

/* ---- json actions, as the official clients write them */

static bool take(struct troupe_text *text, const char *expected, size_t size)
{
	if (text->size < size || memcmp(text->data, expected, size))
		return false;
	text->data += size;
	text->size -= size;
	return true;
}
#define TAKE(text, literal) take(text, literal, sizeof(literal) - 1)

/* Takes the bytes up to a quote, if they are what they say: printable ASCII without an escape. */
static bool take_plain(struct troupe_text *text, struct troupe_text *ret)
{
	size_t size = 0;

	while (size < text->size && text->data[size] >= ' ' && text->data[size] <= '~' && text->data[size] != '"' &&
	       text->data[size] != '\\')
		size++;
	*ret = (struct troupe_text){ text->data, size };
	text->data += size;
	text->size -= size;
	return text->size;
}

/* Splits {"body":{"tag":"ActionRequest","val":{"id":["$BigInt","7"],"name":"add","args":ARGS}}} without looking into
 * ARGS. When those are one JSON text then this is what the message says; if anything is otherwise, nothing is known. */
static bool split_usual(struct troupe_text text, struct tr_client_message *ret, struct troupe_text *args)
{
	struct troupe_text digits;

	if (!TAKE(&text, "{\"body\":{\"tag\":\"ActionRequest\",\"val\":{\"id\":[\"$BigInt\",\"") ||
	    !take_plain(&text, &digits) || !parse_u64(digits.data, digits.size, &ret->id) ||
	    !TAKE(&text, "\"],\"name\":\"") || !take_plain(&text, &ret->name) || !TAKE(&text, "\",\"args\":") ||
	    text.size < 3 || memcmp(text.data + text.size - 3, "}}}", 3) != 0)
		return false;
	*args = (struct troupe_text){ text.data, text.size - 3 };
	return true;
}

/* False: read it as any other message. */
static bool read_usual(struct troupe_text text, unsigned depth, struct tr_bytes *arena, struct tr_client_message *ret)
{
	size_t start = arena->size, args_size;
	struct troupe_text args;

	ret->kind = TR_CLIENT_ACTION;
	if (!split_usual(text, ret, &args) || tr_json_decode(arena, args, TR_JSON_COMPAT, depth, NULL))
		return false;
	args_size = arena->size - start;
	if (keep_text(arena, &ret->name))
		return false;
	ret->args = (struct troupe_value){ arena->data + start, args_size };
	return kind_of(ret->args) == TR_ARRAY;
}

/* ---- bare messages */

static struct tr_bare bare_begin(const void *data, size_t size, uint16_t version_min)
{
	struct tr_bare r = tr_bare(data, size);
	uint16_t version = tr_bare_u16(&r);

	if (version < version_min || version > BARE_VERSION_MAX)
		r.failed = true;
	return r;
}

static int read_bare_action(struct tr_bare *r, unsigned depth, struct tr_bytes *arena, struct tr_client_message *ret,
                            const char **why)
{
	size_t start = arena->size, args_size;
	struct troupe_text args;
	int error;

	ret->kind = TR_CLIENT_ACTION;
	ret->id = tr_bare_uint(r);
	ret->name = tr_bare_text(r);
	args = tr_bare_data(r);
	if (!tr_bare_done(r))
		return refuse(why, "not an ActionRequest in BARE");
	error = translate(tr_cbor_decode(arena, args.data, args.size, TR_CBOR_COMPAT, depth, why));
	args_size = arena->size - start;
	if (!error)
		error = keep_text(arena, &ret->name);
	if (error)
		return error;
	ret->args = (struct troupe_value){ arena->data + start, args_size };
	return kind_of(ret->args) == TR_ARRAY ? 0 : refuse(why, "args must be an array");
}

static int read_bare_subscription(struct tr_bare *r, struct tr_bytes *arena, struct tr_client_message *ret,
                                  const char **why)
{
	ret->kind = TR_CLIENT_SUBSCRIPTION;
	ret->name = tr_bare_text(r);
	ret->subscribe = tr_bare_bool(r);
	if (!tr_bare_done(r))
		return refuse(why, "not a SubscriptionRequest in BARE");
	return keep_text(arena, &ret->name);
}

static int read_bare(const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                     struct tr_client_message *ret, const char **why)
{
	struct tr_bare r = bare_begin(data, size, BARE_VERSION_MIN);
	uint64_t tag = tr_bare_uint(&r);

	if (r.failed)
		return refuse(why, "not a BARE message of version 1 to 4");
	if (tag == BARE_ACTION)
		return read_bare_action(&r, depth, arena, ret, why);
	if (tag == BARE_SUBSCRIPTION)
		return read_bare_subscription(&r, arena, ret, why);
	return refuse(why, "the union tag must be 0 (ActionRequest) or 1 (SubscriptionRequest)");
}

/* ---- all three */

/* A json or cbor text to packed. */
static int decode_whole(enum tr_encoding e, struct tr_bytes *out, const void *data, size_t size, unsigned depth,
                        const char **why)
{
	if (e == TR_ENC_CBOR)
		return translate(tr_cbor_decode(out, data, size, TR_CBOR_NATIVE, depth, why));
	return translate(tr_json_decode(out, (struct troupe_text){ data, size }, TR_JSON_COMPAT, depth, why));
}

static int read_whole(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                      struct tr_client_message *ret, const char **why)
{
	size_t start = arena->size;
	int error = decode_whole(e, arena, data, size, depth + MESSAGE_DEPTH, why);

	if (error)
		return error;
	return read_packed((struct troupe_value){ arena->data + start, arena->size - start }, ret, why);
}

int tr_client_decode(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                     struct tr_client_message *ret, const char **why)
{
	size_t start = arena->size;
	int error;

	*ret = (struct tr_client_message){ 0 };
	if (e == TR_ENC_JSON && read_usual((struct troupe_text){ data, size }, depth, arena, ret))
		return 0;
	arena->size = start;
	if (e == TR_ENC_BARE)
		error = read_bare(data, size, depth, arena, ret, why);
	else
		error = read_whole(e, data, size, depth, arena, ret, why);
	if (error)
		arena->size = start;
	return error;
}

/* ---- bodies of HTTP actions */

/* The payload, or the body itself, to packed; *args is lent from `scratch` (size 0: there are none). */
static int read_http_args(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *scratch,
                          struct troupe_value *args, const char **why)
{
	struct member top[] = { { MEMBER("args") }, { 0 } };
	struct troupe_text payload;
	struct tr_cursor c;
	struct tr_bare r;
	int error;

	if (e == TR_ENC_BARE) {
		r = bare_begin(data, size, BARE_VERSION_MIN);
		payload = tr_bare_data(&r);
		if (!tr_bare_done(&r))
			return refuse(why, "not an HttpActionRequest in BARE, version 1 to 4");
		error = tr_cbor_decode(scratch, payload.data, payload.size, TR_CBOR_COMPAT, depth, why);
		*args = tr_bytes_value(scratch);
		return translate(error);
	}
	error = decode_whole(e, scratch, data, size, depth + HTTP_DEPTH, why);
	if (error)
		return error;
	c = tr_cursor(tr_bytes_value(scratch));
	if (!pick(&c, top))
		return refuse(why, "the body must be an object: {\"args\":[...]}");
	*args = top[0].value;
	return 0;
}

static int put_args(struct tr_bytes *out, struct troupe_value args, unsigned depth, const char **why)
{
	switch (kind_of(args)) { /* TR_UNDEFINED when there are none */
	case TR_ARRAY:
		tr_put_value(out, args);
		return 0;
	case TR_NIL:
	case TR_UNDEFINED:
		tr_put_array(out, 0);
		return 0;
	default:
		if (!depth || tr_value_check(args, depth - 1))
			return refuse(why, "args are nested too deep");
		tr_put_array(out, 1);
		tr_put_value(out, args);
		return 0;
	}
}

int tr_client_decode_http_action(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *out,
                                 const char **why)
{
	struct tr_bytes scratch = { 0 };
	struct troupe_value args = { NULL, 0 };
	size_t start = out->size;
	int error = 0;

	if (size)
		error = read_http_args(e, data, size, depth, &scratch, &args, why);
	if (!error)
		error = put_args(out, args, depth, why);
	tr_bytes_free(&scratch);
	if (!error && out->failed)
		error = TROUPE_ENOMEM;
	if (error)
		out->size = start;
	return error;
}

/* ---- bodies of queue sends */

enum { SEND_BODY, SEND_WAIT, SEND_TIMEOUT, SEND_MEMBERS };
#define TIMEOUT_MAX 9007199254740992.0 /* 2^53 */

/* What may be left out is so, too, when it is null or undefined. */
static bool is_given(struct troupe_value v)
{
	enum tr_kind kind = kind_of(v);

	return kind != TR_UNDEFINED && kind != TR_NIL;
}

static int read_timeout(struct troupe_value v, struct tr_client_send *ret, const char **why)
{
	struct tr_cursor c = tr_cursor(v);
	struct tr_item item;

	if (tr_next(&c, &item) || (item.kind != TR_INT && item.kind != TR_FLOAT) || !(item.number >= 0))
		return refuse(why, "timeout must be a number of milliseconds, and not negative");
	ret->has_timeout = true;
	ret->timeout_ms = item.number < TIMEOUT_MAX ? (uint64_t)item.number : (uint64_t)TIMEOUT_MAX;
	return 0;
}

static int read_send(struct troupe_value message, struct tr_client_send *ret, const char **why)
{
	struct member top[SEND_MEMBERS + 1] = {
		[SEND_BODY] = { MEMBER("body") }, [SEND_WAIT] = { MEMBER("wait") }, [SEND_TIMEOUT] = { MEMBER("timeout") },
	};
	struct tr_cursor c = tr_cursor(message);

	if (!pick(&c, top))
		return refuse(why, "the body must be an object: {\"body\":value,\"wait\":bool,\"timeout\":number}");
	ret->body = top[SEND_BODY].value;
	if (is_given(top[SEND_WAIT].value) && !read_bool(top[SEND_WAIT].value, &ret->wait))
		return refuse(why, "wait must be true or false");
	return is_given(top[SEND_TIMEOUT].value) ? read_timeout(top[SEND_TIMEOUT].value, ret, why) : 0;
}

static uint64_t bare_u64(struct tr_bare *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 8)
		value |= (uint64_t)tr_bare_u8(r) << shift;
	return value;
}

static int read_bare_send(const void *data, size_t size, unsigned depth, struct tr_bytes *arena, struct tr_client_send *ret,
                          const char **why)
{
	struct tr_bare r = bare_begin(data, size, BARE_VERSION_QUEUES);
	struct troupe_text payload = tr_bare_data(&r);
	size_t start = arena->size;
	uint64_t timeout;
	int error;

	if (tr_bare_bool(&r))
		tr_bare_text(&r); /* the name */
	ret->wait = tr_bare_bool(&r) && tr_bare_bool(&r);
	ret->has_timeout = tr_bare_bool(&r);
	timeout = ret->has_timeout ? bare_u64(&r) : 0;
	ret->timeout_ms = timeout < (uint64_t)TIMEOUT_MAX ? timeout : (uint64_t)TIMEOUT_MAX;
	if (!tr_bare_done(&r))
		return refuse(why, "not an HttpQueueSendRequest in BARE, version 3 or 4");
	error = translate(tr_cbor_decode(arena, payload.data, payload.size, TR_CBOR_COMPAT, depth, why));
	if (!error)
		ret->body = (struct troupe_value){ arena->data + start, arena->size - start };
	return error;
}

int tr_client_decode_http_send(enum tr_encoding e, const void *data, size_t size, unsigned depth, struct tr_bytes *arena,
                               struct tr_client_send *ret, const char **why)
{
	size_t start = arena->size;
	int error = 0;

	*ret = (struct tr_client_send){ 0 };
	if (size && e == TR_ENC_BARE) {
		error = read_bare_send(data, size, depth, arena, ret, why);
	} else if (size) {
		error = decode_whole(e, arena, data, size, depth + HTTP_DEPTH, why);
		if (!error)
			error = read_send((struct troupe_value){ arena->data + start, arena->size - start }, ret, why);
	}
	if (error)
		arena->size = start;
	return error;
}
