/* SPDX-License-Identifier: Apache-2.0 */
/* The list of troupe_errors.h as a table to look up in. */
#include <stddef.h>

#include "proto/troupe_errors.h"

static const struct troupe_error_info list[] = {
#define ROW(name_, number_, status_, group_, code_, sentence_) \
	{ .error = (number_), .name = #name_, .status = (status_), .group = (group_), .code = (code_), \
	  .sentence = (sentence_) },
	TROUPE_ERROR_MAP(ROW)
#undef ROW
};

static const struct troupe_error_info *find(int error)
{
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i].error == error)
			return &list[i];
	return NULL;
}

const struct troupe_error_info *troupe_error_info(int error)
{
	const struct troupe_error_info *info = find(error);

	return info ? info : find(TROUPE_EINTERNAL);
}
