/* SPDX-License-Identifier: Apache-2.0 */
/* The special addresses of IANA's two registries, as tables. */
#include "runtime/sandbox/wire/public_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct range4 { uint32_t begin; unsigned bits; };
static const struct range4 special4[] = {
	{ 0x00000000, 8 },  /* this network */
	{ 0x0a000000, 8 },  /* private */
	{ 0x64400000, 10 }, /* shared by carriers; a cloud's metadata, too */
	{ 0x7f000000, 8 },  /* loopback */
	{ 0xa9fe0000, 16 }, /* link-local, with the clouds' metadata */
	{ 0xac100000, 12 }, /* private */
	{ 0xc0000000, 24 }, /* protocols */
	{ 0xc0000200, 24 }, /* documents */
	{ 0xc0586300, 24 }, /* relays that were given up */
	{ 0xc0a80000, 16 }, /* private */
	{ 0xc6120000, 15 }, /* measuring */
	{ 0xc6336400, 24 }, /* documents */
	{ 0xcb007100, 24 }, /* documents */
	{ 0xe0000000, 3 },  /* multicast, reserved, broadcast */
};

struct range6 { uint8_t begin[16]; unsigned bits; };
/* Where an IPv4 address is embedded, and at which byte. */
static const struct { struct range6 in; unsigned at; } embedding[] = {
	{ { { [10] = 0xff, 0xff }, 96 }, 12 },               /* ::ffff:a.b.c.d */
	{ { { 0 }, 96 }, 12 },                               /* ::a.b.c.d, and :: and ::1 among them */
	{ { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },          /* translated */
	{ { { 0x20, 0x02 }, 16 }, 2 },                       /* 6to4 */
};
static const struct range6 special6[] = {
	{ { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 }, 48 },      /* translated, privately */
	{ { 0x01, 0x00 }, 64 },                              /* discarded */
	{ { 0x20, 0x01, 0x00, 0x00 }, 23 },                  /* protocols, Teredo among them */
	{ { 0x20, 0x01, 0x0d, 0xb8 }, 32 },                  /* documents */
	{ { 0x3f, 0xff }, 20 },                              /* documents */
	{ { 0x5f, 0x00 }, 16 },                              /* segment routing */
	{ { 0xfc, 0x00 }, 7 },                               /* private */
	{ { 0xfe, 0x80 }, 10 },                              /* link-local */
	{ { 0xfe, 0xc0 }, 10 },                              /* site-local */
	{ { 0xff, 0x00 }, 8 },                               /* multicast */
};

static bool is_public4(uint32_t address)
{
	for (size_t i = 0; i < LENGTH(special4); i++) {
		unsigned rest = 32 - special4[i].bits;

		if (address >> rest == special4[i].begin >> rest)
			return false;
	}
	return true;
}

static bool is_in(const uint8_t *address, const struct range6 *range)
{
	unsigned bytes = range->bits / 8, rest = range->bits % 8;

	return memcmp(address, range->begin, bytes) == 0 &&
	       (rest == 0 || (address[bytes] ^ range->begin[bytes]) >> (8 - rest) == 0);
}

static uint32_t ipv4_at(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_public6(const uint8_t *address)
{
	for (size_t i = 0; i < LENGTH(embedding); i++) {
		if (is_in(address, &embedding[i].in) && !is_public4(ipv4_at(address + embedding[i].at)))
			return false;
	}
	for (size_t i = 0; i < LENGTH(special6); i++) {
		if (is_in(address, &special6[i]))
			return false;
	}
	return true;
}

/* sockaddr as its own kind: the caller's memory need not be aligned for it. */
bool tr_address_is_public(const struct sockaddr *address)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (address->sa_family) {
	case AF_INET:
		memcpy(&v4, address, sizeof v4);
		return is_public4(ntohl(v4.sin_addr.s_addr));
	case AF_INET6:
		memcpy(&v6, address, sizeof v6);
		return is_public6(v6.sin6_addr.s6_addr);
	default:
		return false;
	}
}

bool tr_address_is_loopback(const struct sockaddr *address)
{
	static const struct range6 mapped = { { [10] = 0xff, 0xff, 127 }, 104 }, one = { { [15] = 1 }, 128 };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (address->sa_family == AF_INET) {
		memcpy(&v4, address, sizeof v4);
		return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&v6, address, sizeof v6);
	return is_in(v6.sin6_addr.s6_addr, &mapped) || is_in(v6.sin6_addr.s6_addr, &one);
}
