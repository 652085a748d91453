/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1.x request. In two steps: tr_http_head_scan finds where it ends while bytes come in, and then
 * tr_http_head_parse reads it in one go: request line, header lines, and last what the headers mean for the framing. */
#include "runtime/gate/http_head.h"

#include <stddef.h>
#include <string.h>

#include "runtime/gate/text.h"

static bool is_token_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("!#$%&'*+-.^_`|~", c);
}

bool tr_http_is_token(struct troupe_text t)
{
	for (size_t i = 0; i < t.size; i++)
		if (!is_token_char(t.data[i]))
			return false;
	return t.size > 0;
}

/* ---- where it ends */

ssize_t tr_http_head_scan(struct tr_http_scan *s, const char *data, size_t size)
{
	for (;;) {
		const char *newline;
		size_t end;
		bool empty;

		/* Something else altogether, a TLS handshake say, is told at its first byte, not after a deadline. */
		if (!s->begun && s->line < size && data[s->line] != '\r' && !is_token_char(data[s->line]))
			return -1;
		newline = s->at < size ? memchr(data + s->at, '\n', size - s->at) : NULL;
		if (!newline) {
			s->at = size;
			return 0;
		}
		end = (size_t)(newline - data);
		if (end == s->line || data[end - 1] != '\r')
			return -1;
		empty = end - s->line == 1;
		s->line = s->at = end + 1;
		if (empty && s->begun)
			return (ssize_t)s->at;
		s->begun |= !empty;
	}
}

/* ---- lines */

static int refuse(const char **why, int status, const char *sentence)
{
	*why = sentence;
	return status;
}

/* Takes the next line, without its CRLF, from *rest. */
static bool next_line(struct troupe_text *rest, struct troupe_text *line)
{
	const char *newline = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
	size_t size = newline ? (size_t)(newline - rest->data) : 0;

	if (!size || rest->data[size - 1] != '\r')
		return false;
	*line = tr_text(rest->data, size - 1);
	*rest = tr_text(newline + 1, rest->size - size - 1);
	return true;
}

/* ---- the request line */

static bool is_target_char(char c)
{
	return c > ' ' && c < 0x7f && c != '#';
}

static bool is_host_char(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && strchr("-._~:[]%", c);
}

static bool is_host(struct troupe_text host)
{
	for (size_t i = 0; i < host.size; i++)
		if (!is_host_char(host.data[i]))
			return false;
	return true;
}

/* http://host/path: takes the host away from *target. */
static bool take_authority(struct tr_http_head *h, struct troupe_text *target)
{
	size_t size = 0;

	if (!tr_text_skip_nocase(target, "http://") && !tr_text_skip_nocase(target, "https://"))
		return false;
	while (size < target->size && target->data[size] != '/' && target->data[size] != '?')
		size++;
	h->host = tr_text(target->data, size);
	*target = tr_text(target->data + size, target->size - size);
	return size && is_host(h->host);
}

static bool parse_target(struct tr_http_head *h, struct troupe_text target)
{
	if (!target.size)
		return false;
	for (size_t i = 0; i < target.size; i++)
		if (!is_target_char(target.data[i]))
			return false;
	if (tr_text_is(target, "*")) {
		h->path = target;
		return tr_text_is(h->method, "OPTIONS");
	}
	if (*target.data != '/' && !take_authority(h, &target))
		return false;
	tr_text_split(&target, '?', &h->path);
	h->query = target;
	if (!h->path.size)
		h->path = tr_text("/", 1);
	return true;
}

static int parse_version(struct tr_http_head *h, struct troupe_text version, const char **why)
{
	if (version.size != 8 || !tr_text_begins(version, "HTTP/") || version.data[6] != '.')
		return refuse(why, 400, "The request line does not end with the version of HTTP.");
	if (version.data[5] != '1' || (version.data[7] != '0' && version.data[7] != '1'))
		return refuse(why, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
	h->minor = (unsigned)(version.data[7] - '0');
	return 0;
}

static int parse_request_line(struct tr_http_head *h, struct troupe_text line, const char **why)
{
	struct troupe_text target;

	tr_text_split(&line, ' ', &h->method);
	if (!line.data || h->method.size > TR_HTTP_METHOD_BYTES_MAX || !tr_http_is_token(h->method))
		return refuse(why, 400, "The request line does not begin with a method.");
	tr_text_split(&line, ' ', &target);
	if (!line.data || !parse_target(h, target))
		return refuse(why, 400, "The request line has no valid target.");
	return parse_version(h, line, why);
}

/* ---- header lines */

static bool is_value(struct troupe_text value)
{
	for (size_t i = 0; i < value.size; i++) {
		unsigned char c = (unsigned char)value.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static int parse_header(struct tr_http_head *h, struct troupe_text line, const char **why)
{
	struct tr_http_header *header;

	if (*line.data == ' ' || *line.data == '\t')
		return refuse(why, 400, "A header is folded over two lines.");
	if (h->count == TR_HTTP_HEADERS_MAX)
		return refuse(why, 431, "There are too many headers.");
	header = &h->headers[h->count++];
	tr_text_split(&line, ':', &header->name);
	if (!line.data || !tr_http_is_token(header->name))
		return refuse(why, 400, "A header has no valid name.");
	header->value = tr_text_trim(line);
	if (!is_value(header->value))
		return refuse(why, 400, "A header's value holds a control character.");
	return 0;
}

struct troupe_text tr_http_header(const struct tr_http_head *head, const char *name)
{
	for (size_t i = 0; i < head->count; i++)
		if (tr_text_is_nocase(head->headers[i].name, name))
			return head->headers[i].value;
	return tr_text(NULL, 0);
}

bool tr_http_next_element(const struct tr_http_head *head, const char *name, size_t *at, struct troupe_text *rest,
                          struct troupe_text *element)
{
	for (;;) {
		while (tr_text_split(rest, ',', element)) {
			*element = tr_text_trim(*element);
			if (element->size)
				return true;
		}
		while (*at < head->count && !tr_text_is_nocase(head->headers[*at].name, name))
			(*at)++;
		if (*at == head->count)
			return false;
		*rest = head->headers[(*at)++].value;
	}
}

bool tr_http_has_token(const struct tr_http_head *head, const char *name, const char *token)
{
	struct troupe_text rest = { NULL, 0 }, element;
	size_t at = 0;

	while (tr_http_next_element(head, name, &at, &rest, &element))
		if (tr_text_is_nocase(element, token))
			return true;
	return false;
}

/* ---- what the headers mean */

/* Saturates: what 64 bits do not hold is too large for anybody. */
static bool parse_length(struct troupe_text value, uint64_t *ret)
{
	uint64_t n = 0;

	for (size_t i = 0; i < value.size; i++) {
		unsigned digit = (unsigned)(value.data[i] - '0');

		if (digit > 9)
			return false;
		n = n > (UINT64_MAX - digit) / 10 ? UINT64_MAX : n * 10 + digit;
	}
	*ret = n;
	return value.size > 0;
}

static int read_length(struct tr_http_head *h, bool *given, const char **why)
{
	*given = false;
	for (size_t i = 0; i < h->count; i++) {
		uint64_t length;

		if (!tr_text_is_nocase(h->headers[i].name, "content-length"))
			continue;
		if (!parse_length(h->headers[i].value, &length))
			return refuse(why, 400, "Content-Length is not a number.");
		if (*given && length != h->length)
			return refuse(why, 400, "There are two Content-Length that differ.");
		h->length = length;
		*given = true;
	}
	return 0;
}

static int read_coding(struct tr_http_head *h, bool length_given, const char **why)
{
	struct troupe_text rest = { NULL, 0 }, coding;
	size_t at = 0;

	if (!tr_http_header(h, "transfer-encoding").data)
		return 0;
	if (length_given)
		return refuse(why, 400, "Content-Length and Transfer-Encoding exclude each other.");
	if (!h->minor)
		return refuse(why, 400, "HTTP/1.0 has no Transfer-Encoding.");
	while (tr_http_next_element(h, "transfer-encoding", &at, &rest, &coding)) {
		if (h->chunked)
			return refuse(why, 400, "Transfer-Encoding goes on after chunked.");
		if (!tr_text_is_nocase(coding, "chunked"))
			return refuse(why, 501, "No Transfer-Encoding but chunked is known here.");
		h->chunked = true;
	}
	return h->chunked ? 0 : refuse(why, 400, "Transfer-Encoding is empty.");
}

static int read_host(struct tr_http_head *h, const char **why)
{
	const struct tr_http_header *host = NULL;

	for (size_t i = 0; i < h->count; i++) {
		if (!tr_text_is_nocase(h->headers[i].name, "host"))
			continue;
		if (host || !is_host(h->headers[i].value))
			return refuse(why, 400, host ? "There are two Host headers." : "The Host header is not a host.");
		host = &h->headers[i];
	}
	if (!host && h->minor)
		return refuse(why, 400, "The Host header is missing.");
	if (host && !h->host.size)
		h->host = host->value;
	return 0;
}

static int read_expect(struct tr_http_head *h, const char **why)
{
	struct troupe_text expect = tr_http_header(h, "expect");

	if (!expect.data || !h->minor)
		return 0;
	h->expect = true;
	return tr_text_is_nocase(expect, "100-continue") ? 0 : refuse(why, 417, "Expect is known as 100-continue only.");
}

static int read_headers(struct tr_http_head *h, const char **why)
{
	bool length_given;
	int status = read_length(h, &length_given, why);

	if (!status)
		status = read_coding(h, length_given, why);
	if (!status)
		status = read_host(h, why);
	if (!status)
		status = read_expect(h, why);
	h->keep_alive = !tr_http_has_token(h, "connection", "close") &&
	                (h->minor || tr_http_has_token(h, "connection", "keep-alive"));
	return status;
}

int tr_http_head_parse(struct tr_http_head *ret, const char *data, size_t size, const char **why)
{
	struct troupe_text rest = tr_text(data, size), line = { NULL, 0 };
	int status;

	memset(ret, 0, offsetof(struct tr_http_head, headers));
	while (next_line(&rest, &line) && !line.size)
		; /* empty lines in front are passed over: RFC 9112, 2.2 */
	if (!line.size)
		return refuse(why, 400, "There is no request line.");
	status = parse_request_line(ret, line, why);
	while (!status) {
		if (!next_line(&rest, &line))
			return refuse(why, 400, "A line does not end with CR and LF.");
		if (!line.size)
			return rest.size ? refuse(why, 400, "The head ends too early.") : read_headers(ret, why);
		status = parse_header(ret, line, why);
	}
	return status;
}
