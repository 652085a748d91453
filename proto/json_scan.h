/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON files share: strings, and stepping through text. Only proto/json*.c includes this. */
#ifndef TR_PROTO_JSON_SCAN_H
#define TR_PROTO_JSON_SCAN_H

#include <string.h>

#include "proto/troupe_record.h"

/* ---- eight bytes at a time */

#define TR_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is any of the eight bytes a quote, a backslash or a control character: what JSON's strings do not hold as it is? */
static inline bool tr_json_any_special(uint64_t eight)
{
	uint64_t quote = eight ^ TR_EACH_BYTE('"'), backslash = eight ^ TR_EACH_BYTE('\\');
	uint64_t below = (eight - TR_EACH_BYTE(0x20)) & ~eight;

	quote = (quote - TR_EACH_BYTE(1)) & ~quote;
	backslash = (backslash - TR_EACH_BYTE(1)) & ~backslash;
	return (quote | backslash | below) & TR_EACH_BYTE(0x80);
}

/* Steps over characters that need no care in a string; *seen gathers their bits, so that 0x80 tells of any beyond
 * ASCII. Returns where the first special one stands, or the end. */
static inline const char *tr_json_plain_run(const char *at, const char *end, uint64_t *seen)
{
	uint64_t eight;

	for (; end - at >= 8; at += 8) {
		memcpy(&eight, at, 8);
		if (tr_json_any_special(eight))
			break;
		*seen |= eight;
	}
	for (; at < end && (uint8_t)*at >= 0x20 && *at != '"' && *at != '\\'; at++)
		*seen |= (uint8_t)*at;
	return at;
}

static inline const char *tr_json_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

/* ---- strings */

struct tr_json_string {
	const char *raw; /* between the quotes */
	size_t      raw_size;
	size_t      size;    /* unescaped */
	bool        escaped; /* else raw is the content */
};

/* Reads a string from behind its opening quote. Returns where its closing quote ends, or NULL with *why. */
const char *tr_json_scan_string(const char *at, const char *end, struct tr_json_string *ret, const char **why);

/* Writes s->size bytes of UTF-8. */
void tr_json_unescape(const struct tr_json_string *s, char *to);

/* Takes one character of a string that was scanned before: writes its 1 to 4 bytes and moves *at on. A run of plain
 * bytes is taken byte by byte. */
size_t tr_json_unescape_one(const char **at, const char *end, char to[4]);

/* ---- stepping through text that tr_json_check has passed */

/* Where the string ends that starts at `at`, with its quote; where the value ends. */
const char *tr_json_skip_string(const char *at, const char *end, struct tr_json_string *ret);
const char *tr_json_skip_value(const char *at, const char *end);

#endif
