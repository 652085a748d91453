/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for something that a real loop brings: `step` is done until it is so. If that hangs, it fails. */
#ifndef TESTS_KIT_UNTIL_H
#define TESTS_KIT_UNTIL_H

#include <event2/event.h>
#include <stdbool.h>

#include "tests/kit/patience.h"

static inline void until_late(evutil_socket_t fd, short what, void *late)
{
	(void)fd, (void)what;
	*(bool *)late = true;
}

#define UNTIL_BY(base, step, condition) do { \
		struct timeval until_time = { HANGS_AFTER_S, 0 }; \
		bool until_is_late = false; \
		struct event *until_guard = evtimer_new(base, until_late, &until_is_late); \
		event_add(until_guard, &until_time); \
		while (!(condition) && !until_is_late) \
			step; \
		event_free(until_guard); \
		if (!(condition)) \
			fail_msg("waited in vain for: %s", #condition); \
	} while (0)

#endif
