/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the session port (runtime/core/ports.h). Its ctx is a struct tr_sandbox. */
#ifndef TR_SESSION_PORT_H
#define TR_SESSION_PORT_H

#include "runtime/core/ports.h"

extern const struct tr_session_ops tr_session_ops;

#endif
