/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is there: small allocations whose failure nobody could handle end the process (the supervisor starts it
 * again, the log on disk is whole). Big ones that a client can cause are bounded by limits.h before they get here. */
#ifndef TR_BASE_MEM_H
#define TR_BASE_MEM_H

#include <stddef.h>

void *tr_alloc(size_t size);                    /* zeroed */
void *tr_realloc(void *old, size_t size);
char *tr_strdup(const char *text);              /* NULL gives NULL */
char *tr_strndup(const char *text, size_t size); /* copies size bytes and ends them with a NUL */

/* Random bytes from the kernel, for ids and secrets. */
void tr_random(void *into, size_t size);
void tr_random_uuid(char into[37]);             /* version 4, with its NUL */
void tr_random_id(char *into, size_t characters); /* [0-9a-z], and a NUL behind */

#endif
