/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that proto/value.h documents, for its two halves: value.c reads, value_put.c writes. */
#ifndef TR_PROTO_VALUE_EXT_H
#define TR_PROTO_VALUE_EXT_H

#include <stdint.h>

#define TR_EXT_UNDEFINED 1
#define TR_EXT_BIGINT    2
#define TR_EXT_DATE      3
#define TR_EXT_SET       4
#define TR_EXT_JSMAP     5
#define TR_EXT_TYPED     6
#define TR_EXT_JSON      7

#define TR_SAFE_INTEGER_MAX ((int64_t)1 << 53)

#endif
