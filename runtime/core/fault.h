/* SPDX-License-Identifier: Apache-2.0 */
/* Why something failed, until it has been told: a code of troupe_errors.h with what goes to the client beside it. */
#ifndef TR_CORE_FAULT_H
#define TR_CORE_FAULT_H

#include <stdarg.h>

#include "runtime/base/limits.h"
#include "runtime/core/core.h"

struct tr_fault {
	int             error;     /* 0: nothing failed */
	char           *user_code; /* EUSER: the application's own; else NULL */
	char           *user_group; /* as well; NULL: `user` */
	char           *message;   /* NULL: the list's sentence */
	struct tr_bytes metadata;  /* packed; empty: none */
};

/* Sets it, replacing what it held. format NULL: the list's sentence. Returns error. */
int  tr_fault_set(struct tr_fault *f, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
int  tr_fault_vset(struct tr_fault *f, int error, const char *format, va_list args);
void tr_fault_clear(struct tr_fault *f);

/* As the client is told: lends from f. actor may be NULL. */
struct tr_failure tr_fault_failure(const struct tr_fault *f, const struct tr_client_actor *actor);

/* As an Error frame: of a call (action_id), or of the connection (NULL). Metadata that cannot be sent is left out; an
 * error is always told. The caller owns the reference. */
struct tr_frame *tr_fault_frame(const struct tr_fault *f, enum tr_encoding e, const uint64_t *action_id,
                                const struct tr_client_actor *actor);

/* "group.code", for a Close frame's reason; into at least 123 + 1 bytes. */
void tr_fault_reason(const struct tr_fault *f, char into[124]);

#endif
