/* SPDX-License-Identifier: Apache-2.0 */
/* The program `troupe`: these kinds, served. */
#include <troupe.h>

extern const struct troupe_kind workspace_kind, coding_session_kind, counter_kind, notebook_kind;

int main(int argc, char **argv)
{
	static const struct troupe_kind *const kinds[] = { &workspace_kind, &coding_session_kind, &counter_kind, &notebook_kind, NULL };

	return troupe_main(argc, argv, kinds);
}
