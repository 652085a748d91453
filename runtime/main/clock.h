/* SPDX-License-Identifier: Apache-2.0 */
/* The clock port on libevent. */
#ifndef TR_MAIN_CLOCK_H
#define TR_MAIN_CLOCK_H

#include <event2/event.h>

#include "runtime/core/ports.h"

/* base is lent for as long as the clock or one of its timers is used. */
struct tr_clock tr_event_clock(struct event_base *base);

#endif
