/* SPDX-License-Identifier: Apache-2.0 */
/* Dates as JavaScript has them: milliseconds since 1970 in a double, NaN for the invalid date. */
#ifndef TR_PROTO_DATE_H
#define TR_PROTO_DATE_H

#include <stdbool.h>
#include <stddef.h>

#define TR_DATE_TEXT_MAX 28

/* The nearest date that JavaScript can hold: whole milliseconds within 100,000,000 days of 1970, else NaN. */
double tr_date_clip(double ms);

/* Prints what Date.toISOString prints, without a NUL, and returns the size; 0 for the invalid date. `ms` is clipped. */
size_t tr_date_print(char to[TR_DATE_TEXT_MAX], double ms);

/* Reads ISO 8601 in the forms of ECMA-262: a date alone (midnight UTC), or with a time that names its offset. */
bool tr_date_parse(const char *text, size_t size, double *ms);

#endif
