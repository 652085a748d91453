/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line an event, on stderr, `name key=value ...` for people or JSON for machines.
 *
 *	tr_info("actor.wake", "key=%s took_ms=%d", key, took);
 *
 * The name is an interface (tests wait for it, people alert on it). Values with spaces are quoted with %s inside "..."
 * by the caller's format: reason="%s". Control characters in the output are replaced, whatever came in. Any thread. */
#ifndef TR_BASE_LOG_H
#define TR_BASE_LOG_H

#include <stdbool.h>

enum tr_log_level { TR_LOG_ERROR, TR_LOG_WARN, TR_LOG_INFO, TR_LOG_DEBUG };

/* From one thread, before the others start. Default: INFO, human. */
void tr_log_setup(enum tr_log_level level, bool json);
bool tr_log_level_from_name(const char *name, enum tr_log_level *ret); /* error, warn, info, debug */
bool tr_log_enabled(enum tr_log_level level);

void tr_log(enum tr_log_level level, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));

#define tr_error(...) tr_log(TR_LOG_ERROR, __VA_ARGS__)
#define tr_warn(...)  tr_log(TR_LOG_WARN, __VA_ARGS__)
#define tr_info(...)  tr_log(TR_LOG_INFO, __VA_ARGS__)
#define tr_debug(...) do { if (tr_log_enabled(TR_LOG_DEBUG)) tr_log(TR_LOG_DEBUG, __VA_ARGS__); } while (0)

#endif
