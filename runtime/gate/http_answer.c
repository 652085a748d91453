/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/gate/http_answer.h"

#include <stdio.h>
#include <time.h>

static const char *date_line(void)
{
	static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	static _Thread_local char line[48]; /* made once a second; each loop has its own */
	static _Thread_local time_t of;
	time_t now = time(NULL);
	struct tm tm;

	if (now == of)
		return line;
	of = now;
	gmtime_r(&now, &tm);
	snprintf(line, sizeof(line), "Date: %.3s, %02d %.3s %d %02d:%02d:%02d GMT\r\n", days + 3 * tm.tm_wday, tm.tm_mday % 32,
	         months + 3 * tm.tm_mon, (tm.tm_year + 1900) % 10000, tm.tm_hour % 24, tm.tm_min % 60, tm.tm_sec % 61);
	return line;
}

static const char *phrase(int status)
{
	static const struct { int status; const char *phrase; } phrases[] = {
		{ 200, "OK" }, { 204, "No Content" }, { 304, "Not Modified" }, { 400, "Bad Request" }, { 403, "Forbidden" },
		{ 404, "Not Found" }, { 405, "Method Not Allowed" }, { 408, "Request Timeout" }, { 409, "Conflict" },
		{ 413, "Content Too Large" }, { 417, "Expectation Failed" }, { 426, "Upgrade Required" },
		{ 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" }, { 501, "Not Implemented" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "";
}

bool tr_http_answer_has_content(const struct tr_http_answer *a)
{
	return a->status != 204 && a->status != 304;
}

void tr_http_answer_put_head(struct tr_bytes *out, const struct tr_http_answer *a, enum tr_http_extent extent,
                             const char *connection)
{
	bool content = tr_http_answer_has_content(a);

	tr_bytes_printf(out, "HTTP/1.1 %d %s\r\n", a->status, phrase(a->status));
	tr_bytes_put_text(out, date_line());
	if (a->type)
		tr_bytes_printf(out, "Content-Type: %s\r\n", a->type);
	if (content && extent == TR_HTTP_SIZED)
		tr_bytes_printf(out, "Content-Length: %zu\r\n", a->size);
	else if (content && extent == TR_HTTP_CHUNKED)
		tr_bytes_put_text(out, "Transfer-Encoding: chunked\r\n");
	if (connection)
		tr_bytes_printf(out, "Connection: %s\r\n", connection);
	tr_bytes_put(out, a->headers.data, a->headers.size);
	tr_bytes_put_text(out, "\r\n");
}
