/* SPDX-License-Identifier: Apache-2.0 */
/* Typed arrays: the elements behind the CBOR tags 64 to 87 of RFC 8746. */
#ifndef TR_PROTO_TYPED_H
#define TR_PROTO_TYPED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of one element, 0 for a tag that JavaScript has no array for. */
unsigned tr_typed_element_size(uint8_t tag);

/* One element: a number, or for 64-bit integers, which JavaScript has as BigInt, decimal text. */
struct tr_typed_element {
	double number;
	bool   big;
	char   text[24];
	size_t text_size;
};
struct tr_typed_element tr_typed_element(uint8_t tag, const void *at);

/* A half, as CBOR has it, too. */
double tr_half_double(uint16_t half);

#endif
