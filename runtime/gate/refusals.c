/* SPDX-License-Identifier: Apache-2.0 */
/* A table of fixed size: an address has a few places where it may be, and the one that was
 * refused longest ago makes way. So whoever fills the table makes others wait less, never more. */
#include "runtime/gate/refusals.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"

#define SETS  256
#define PLACES 4

struct entry {
	uint64_t id;
	int64_t  told_ms;  /* when the held refusal ends */
	int      delay_ms; /* 0: the place is free */
};

struct tr_refusals {
	uint64_t     seed; /* so that nobody can choose addresses that share a set */
	struct entry sets[SETS][PLACES];
};

struct tr_refusals *tr_refusals_new(void)
{
	struct tr_refusals *r = tr_alloc(sizeof *r);

	tr_random(&r->seed, sizeof r->seed);
	return r;
}

struct tr_refusals *tr_refusals_free(struct tr_refusals *r)
{
	free(r);
	return NULL;
}

/* ------------------------------------------------------------------ addresses */

/* A bijection of 64 bits (the finisher of splitmix64): different addresses stay different. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t big_endian(const uint8_t *bytes, size_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size; i++)
		n = n << 8 | bytes[i];
	return n;
}

struct tr_refusal_key tr_refusal_key(const struct tr_refusals *r, struct troupe_text address)
{
	static const uint8_t v4_in_v6[12] = { [10] = 0xff, [11] = 0xff };
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t bytes[16];
	uint64_t id = 0;

	if (address.size > 0 && address.size < sizeof text)
		memcpy(text, address.data, address.size);
	if (inet_pton(AF_INET, text, bytes) == 1)
		id = big_endian(bytes, 4);
	else if (inet_pton(AF_INET6, text, bytes) == 1 && memcmp(bytes, v4_in_v6, 12) == 0)
		id = big_endian(bytes + 12, 4);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		id = big_endian(bytes, 8); /* none in use begins with 32 zeros, as IPv4 does here */
	return (struct tr_refusal_key){ mix(id ^ r->seed) };
}

struct tr_refusal_key tr_refusal_key_for(struct tr_refusal_key who, struct troupe_text part)
{
	for (size_t i = 0; i < part.size; i++)
		who.id = mix(who.id ^ (uint8_t)part.data[i]);
	who.id = mix(who.id ^ 0x100); /* so that "ab", "c" is not "a", "bc" */
	return who;
}

/* ------------------------------------------------------------------ delays */

/* Its place, or the one to use for it, emptied. */
static struct entry *find(struct tr_refusals *r, uint64_t id)
{
	struct entry *set = r->sets[id % SETS], *oldest = set;

	for (int i = 0; i < PLACES; i++) {
		if (set[i].delay_ms > 0 && set[i].id == id)
			return &set[i];
		if (set[i].delay_ms == 0 || (oldest->delay_ms && set[i].told_ms < oldest->told_ms))
			oldest = &set[i];
	}
	*oldest = (struct entry){ .id = id };
	return oldest;
}

int tr_refusals_delay(struct tr_refusals *r, struct tr_refusal_key who, int64_t now_ms)
{
	struct entry *e = find(r, who.id);

	if (e->delay_ms > 0 && now_ms < e->told_ms)
		return e->delay_ms;
	if (e->delay_ms == 0 || now_ms - e->told_ms > TR_REFUSAL_QUIET_MS)
		e->delay_ms = TR_REFUSAL_DELAY_MS;
	else
		e->delay_ms *= 2;
	if (e->delay_ms > TR_REFUSAL_DELAY_MAX_MS)
		e->delay_ms = TR_REFUSAL_DELAY_MAX_MS;
	e->told_ms = now_ms + e->delay_ms;
	return e->delay_ms;
}
