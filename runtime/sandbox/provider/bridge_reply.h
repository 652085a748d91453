/* SPDX-License-Identifier: Apache-2.0 */
/* What the bridge says: one line, one answer (runtime/sandbox/provider/bridge/main.mjs). */
#ifndef TR_SANDBOX_BRIDGE_REPLY_H
#define TR_SANDBOX_BRIDGE_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/troupe_record.h"

/* Texts that are missing are "". */
struct tr_bridge_reply {
	uint64_t id;
	int      rc;      /* 0, or what its error means: as of struct tr_provider_answer */
	bool     unknown;
	char     words[256], raw_id[257], url[2049], token[4097], cwd[513];
};

/* False: the line is no answer that we could use: not JSON, without an id, or a text is too long or has control characters. */
bool tr_bridge_read(struct troupe_text line, struct tr_bridge_reply *ret);

#endif
