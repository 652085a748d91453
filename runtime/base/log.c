/* SPDX-License-Identifier: Apache-2.0 */
/* One event, one line, one write: lines of several threads or processes never mix. */
#include "runtime/base/limits.h"
#include "runtime/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>


static enum tr_log_level log_level = TR_LOG_INFO;
static bool log_json;

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void tr_log_setup(enum tr_log_level level, bool json)
{
	log_level = level;
	log_json = json;
}

bool tr_log_level_from_name(const char *name, enum tr_log_level *ret)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*ret = (enum tr_log_level)i;
			return true;
		}
	}
	return false;
}

bool tr_log_enabled(enum tr_log_level level)
{
	return level <= log_level;
}

/* Appends to a line of fixed size; what does not fit is cut. */
struct line { char text[TR_LOG_LINE_BYTES_MAX]; size_t size; };

static void line_put(struct line *l, const char *text)
{
	size_t size = strlen(text), room = sizeof l->text - 2 - l->size;

	if (size > room)
		size = room;
	memcpy(l->text + l->size, text, size);
	l->size += size;
}

static void line_put_json(struct line *l, const char *text)
{
	char escaped[8];

	line_put(l, "\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			snprintf(escaped, sizeof escaped, "\\%c", c);
		else if (c < 0x20)
			snprintf(escaped, sizeof escaped, "\\u%04x", c);
		else
			snprintf(escaped, sizeof escaped, "%c", c);
		line_put(l, escaped);
	}
	line_put(l, "\"");
}

static void put_time(struct line *l)
{
	struct timespec now;
	struct tm utc;
	char text[40];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	line_put(l, text);
	snprintf(text, sizeof text, ".%03uZ", (unsigned)(now.tv_nsec / 1000000) % 1000);
	line_put(l, text);
}

/* What came in from outside must not move the cursor or forge a line. */
static void without_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void tr_log(enum tr_log_level level, const char *name, const char *format, ...)
{
	struct line line = { .size = 0 };
	char message[TR_LOG_LINE_BYTES_MAX - 256];
	va_list args;

	if (!tr_log_enabled(level))
		return;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	without_controls(message);
	if (log_json) {
		line_put(&line, "{\"time\":\"");
		put_time(&line);
		line_put(&line, "\",\"level\":\"");
		line_put(&line, level_names[level]);
		line_put(&line, "\",\"event\":");
		line_put_json(&line, name);
		line_put(&line, ",\"message\":");
		line_put_json(&line, message);
		line_put(&line, "}");
	} else {
		put_time(&line);
		line_put(&line, " ");
		line_put(&line, level_names[level]);
		line_put(&line, " ");
		line_put(&line, name);
		line_put(&line, *message ? " " : "");
		line_put(&line, message);
	}
	line.text[line.size++] = '\n';
	if (write(STDERR_FILENO, line.text, line.size) < 0)
		return; /* there is nowhere left to say it */
}
