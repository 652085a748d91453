/* SPDX-License-Identifier: Apache-2.0 */
/* What tests write most: a text of a C string. */
#ifndef TESTS_KIT_TEXT_H
#define TESTS_KIT_TEXT_H

#include "proto/text.h"

static inline struct troupe_text text(const char *s)
{
	return tr_text_from(s);
}

#endif
