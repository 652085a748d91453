/* SPDX-License-Identifier: Apache-2.0 */
/* The body of an HTTP/1.x request: a state machine that goes byte by byte through the framing and in one step over
 * content, so that it may be cut anywhere. */
#include "runtime/gate/http_body.h"

int tr_http_body_start(struct tr_http_body *b, const struct tr_http_head *head, uint64_t max)
{
	*b = (struct tr_http_body){ .state = TR_HTTP_BODY_SIZE, .max = max };
	if (head->chunked)
		return 0;
	b->state = head->length ? TR_HTTP_BODY_LENGTH : TR_HTTP_BODY_OVER;
	b->left = b->size = head->length;
	return head->length > max ? 413 : 0;
}

static int refuse(const char **why, int status, const char *sentence)
{
	*why = sentence;
	return status;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Of an extension or a trailer. CR is not one of them: it ends both. */
static bool is_padding(char c)
{
	return ((unsigned char)c >= ' ' && c != 0x7f) || c == '\t';
}

/* The size of a chunk is known: is there room for it? */
static int start_chunk(struct tr_http_body *b, const char **why)
{
	if (!b->left) {
		b->state = TR_HTTP_BODY_TRAILER;
		return 0;
	}
	if (b->left > b->max - b->size)
		return refuse(why, 413, "The body is too large.");
	b->size += b->left;
	b->state = TR_HTTP_BODY_CHUNK;
	return 0;
}

static int take_size(struct tr_http_body *b, char c, const char **why)
{
	int digit = hex_digit(c);

	if (digit >= 0 && b->digits < TR_HTTP_SIZE_DIGITS_MAX) {
		b->left = (b->digits++ ? b->left << 4 : 0) | (unsigned)digit;
		return 0;
	}
	if (digit >= 0 || !b->digits || (c != ';' && c != '\r'))
		return refuse(why, 400, "The size of a chunk is not a hexadecimal number.");
	b->digits = 0;
	b->state = c == ';' ? TR_HTTP_BODY_EXTENSION : TR_HTTP_BODY_SIZE_LF;
	return 0;
}

static int take_padding(struct tr_http_body *b, char c, enum tr_http_body_state at_cr, const char **why)
{
	if (c == '\r') {
		b->state = at_cr;
		return 0;
	}
	if (!is_padding(c) || ++b->padding > TR_HTTP_PADDING_BYTES_MAX)
		return refuse(why, 400, "A chunk's extension or a trailer is not acceptable.");
	return 0;
}

static int expect(struct tr_http_body *b, char c, char wanted, enum tr_http_body_state then, const char **why)
{
	if (c != wanted)
		return refuse(why, 400, "A line of the chunked body does not end with CR and LF.");
	b->state = then;
	return 0;
}

static int take_framing(struct tr_http_body *b, char c, const char **why)
{
	switch (b->state) {
	case TR_HTTP_BODY_SIZE:      return take_size(b, c, why);
	case TR_HTTP_BODY_EXTENSION: return take_padding(b, c, TR_HTTP_BODY_SIZE_LF, why);
	case TR_HTTP_BODY_SIZE_LF:   return c == '\n' ? start_chunk(b, why) : expect(b, c, '\n', b->state, why);
	case TR_HTTP_BODY_CHUNK_CR:  return expect(b, c, '\r', TR_HTTP_BODY_CHUNK_LF, why);
	case TR_HTTP_BODY_CHUNK_LF:  return expect(b, c, '\n', TR_HTTP_BODY_SIZE, why);
	case TR_HTTP_BODY_TRAILER:
		b->state = TR_HTTP_BODY_FIELD;
		return take_padding(b, c, TR_HTTP_BODY_LAST_LF, why);
	case TR_HTTP_BODY_FIELD:     return take_padding(b, c, TR_HTTP_BODY_FIELD_LF, why);
	case TR_HTTP_BODY_FIELD_LF:  return expect(b, c, '\n', TR_HTTP_BODY_TRAILER, why);
	case TR_HTTP_BODY_LAST_LF:   return expect(b, c, '\n', TR_HTTP_BODY_OVER, why);
	default:                     return 0;
	}
}

/* Content: as much as there is, but not beyond the length or the chunk. */
static size_t take_content(struct tr_http_body *b, const char *data, size_t size, struct tr_bytes *out)
{
	if (size > b->left)
		size = (size_t)b->left;
	if (out)
		tr_bytes_put(out, data, size);
	b->left -= size;
	if (!b->left)
		b->state = b->state == TR_HTTP_BODY_CHUNK ? TR_HTTP_BODY_CHUNK_CR : TR_HTTP_BODY_OVER;
	return size;
}

int tr_http_body_take(struct tr_http_body *b, const char *data, size_t size, size_t *taken, struct tr_bytes *out,
                      const char **why)
{
	size_t at = 0;
	int status = 0;

	while (!status && at < size && b->state != TR_HTTP_BODY_OVER) {
		if (b->state == TR_HTTP_BODY_LENGTH || b->state == TR_HTTP_BODY_CHUNK)
			at += take_content(b, data + at, size - at, out);
		else
			status = take_framing(b, data[at++], why);
	}
	*taken = at;
	if (status)
		return status;
	return b->state == TR_HTTP_BODY_OVER ? TR_HTTP_BODY_DONE : TR_HTTP_BODY_MORE;
}
