/* SPDX-License-Identifier: Apache-2.0 */
/* Records: describe a struct once, and the runtime checks arguments, keeps state and encodes replies and events
 * with it.
 *
 *	struct prompt { const char *user_id, *text, *prompt_id; };
 *	static const struct troupe_record prompt = TROUPE_RECORD(prompt,
 *		TROUPE_FIELD(prompt, user_id, "userId"),
 *		TROUPE_FIELD(prompt, text, "text"),
 *		TROUPE_OPTION(prompt, prompt_id, "promptId"));
 *
 * The wire type follows from the C type; a C type that has none does not compile:
 *
 *	bool                       true or false
 *	int32_t, int64_t, uint32_t a number without fraction, in range (int64_t: within +-2^53, as JavaScript has it)
 *	double                     a number
 *	const char *, char *       text without U+0000, NUL-terminated here; NULL is "absent" (encoded: left out)
 *	struct troupe_text         text of any content, with its size; data NULL is "absent"
 *	struct troupe_value        any value at all; size 0 is "absent"
 */
#ifndef TROUPE_RECORD_H
#define TROUPE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* UTF-8, not NUL-terminated. */
struct troupe_text { const char *data; size_t size; };

/* One value in packed form (MessagePack with Troupe's extension types; see proto/value.h). size 0: absent. */
struct troupe_value { const void *data; size_t size; };

enum troupe_type {
	TROUPE_BOOL, TROUPE_INT32, TROUPE_INT64, TROUPE_UINT32, TROUPE_DOUBLE,
	TROUPE_CSTRING, TROUPE_TEXT, TROUPE_VALUE
};

struct troupe_field {
	const char      *name;     /* on the wire */
	size_t           offset;
	enum troupe_type type;
	bool             optional; /* may be missing, undefined or (but for a troupe_value) null: then `fallback`, or zero */
	double           fallback; /* for numbers and bool only */
};

struct troupe_record {
	const char                *name;   /* of the struct, for error texts */
	size_t                     size;   /* of the struct */
	const struct troupe_field *fields;
	size_t                     count;
};

#define TROUPE_TYPE_OF(member) _Generic((member), \
	bool: TROUPE_BOOL, int32_t: TROUPE_INT32, int64_t: TROUPE_INT64, uint32_t: TROUPE_UINT32, \
	double: TROUPE_DOUBLE, const char *: TROUPE_CSTRING, char *: TROUPE_CSTRING, \
	struct troupe_text: TROUPE_TEXT, struct troupe_value: TROUPE_VALUE)
#define TROUPE_FIELD_(type_, member, wire, opt, fall) \
	{ .name = (wire), .offset = offsetof(struct type_, member), \
	  .type = TROUPE_TYPE_OF(((struct type_ *)0)->member), .optional = (opt), .fallback = (fall) }

/* A field that must be there. */
#define TROUPE_FIELD(type_, member, wire)            TROUPE_FIELD_(type_, member, wire, false, 0)
/* A field that may be missing: it is then zero. */
#define TROUPE_OPTION(type_, member, wire)           TROUPE_FIELD_(type_, member, wire, true, 0)
/* A number that may be missing: it is then `fallback`. */
#define TROUPE_DEFAULT(type_, member, wire, fallback) TROUPE_FIELD_(type_, member, wire, true, fallback)

#define TROUPE_RECORD(type_, ...) { \
	.name = #type_, .size = sizeof(struct type_), \
	.fields = (const struct troupe_field[]){ __VA_ARGS__ }, \
	.count = sizeof((const struct troupe_field[]){ __VA_ARGS__ }) / sizeof(struct troupe_field) }

#endif
