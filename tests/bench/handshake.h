/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's clients all shake hands in the same way, so that the bare server need not compute an answer: the key, and what
 * RFC 6455 makes of it (its own example). */
#ifndef BENCH_HANDSHAKE_H
#define BENCH_HANDSHAKE_H

#define BENCH_WS_KEY    "dGhlIHNhbXBsZSBub25jZQ=="
#define BENCH_WS_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#endif
