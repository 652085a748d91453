/* SPDX-License-Identifier: Apache-2.0 */
/* Small things that one does with lent text in HTTP; see text.h. Nothing here looks at the locale. */
#include "runtime/gate/text.h"

#include <openssl/crypto.h>
#include <string.h>

#include "proto/key.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool tr_text_is(struct troupe_text t, const char *what)
{
	return t.size == strlen(what) && (!t.size || !memcmp(t.data, what, t.size));
}

bool tr_text_same_nocase(struct troupe_text a, struct troupe_text b)
{
	if (a.size != b.size)
		return false;
	for (size_t i = 0; i < a.size; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

bool tr_text_is_nocase(struct troupe_text t, const char *what)
{
	return tr_text_same_nocase(t, tr_text_from(what));
}

bool tr_text_begins(struct troupe_text t, const char *prefix)
{
	size_t size = strlen(prefix);

	return t.size >= size && !memcmp(t.data, prefix, size);
}

bool tr_text_skip(struct troupe_text *t, const char *prefix)
{
	if (!tr_text_begins(*t, prefix))
		return false;
	*t = tr_text(t->data + strlen(prefix), t->size - strlen(prefix));
	return true;
}

bool tr_text_skip_nocase(struct troupe_text *t, const char *prefix)
{
	size_t size = strlen(prefix);

	if (t->size < size || !tr_text_is_nocase(tr_text(t->data, size), prefix))
		return false;
	*t = tr_text(t->data + size, t->size - size);
	return true;
}

bool tr_text_split(struct troupe_text *rest, char separator, struct troupe_text *part)
{
	const char *at;

	if (!rest->data)
		return false;
	at = rest->size ? memchr(rest->data, separator, rest->size) : NULL;
	if (!at) {
		*part = *rest;
		*rest = tr_text(NULL, 0);
		return true;
	}
	*part = tr_text(rest->data, (size_t)(at - rest->data));
	rest->size -= part->size + 1;
	rest->data = at + 1;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

struct troupe_text tr_text_trim(struct troupe_text t)
{
	while (t.size && is_blank(*t.data)) {
		t.data++;
		t.size--;
	}
	while (t.size && is_blank(t.data[t.size - 1]))
		t.size--;
	return t;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at t[i] stands for, or -1 when there is no escape. */
static int escape_at(struct troupe_text t, size_t i)
{
	int high, low;

	if (t.data[i] != '%' || t.size - i < 3)
		return -1;
	high = hex_digit(t.data[i + 1]);
	low = hex_digit(t.data[i + 2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

void tr_text_percent_decode(struct tr_bytes *out, struct troupe_text t, bool form)
{
	for (size_t i = 0; i < t.size; i++) {
		int byte = escape_at(t, i);

		if (byte >= 0)
			i += 2;
		else
			byte = form && t.data[i] == '+' ? ' ' : (unsigned char)t.data[i];
		tr_bytes_put_byte(out, (uint8_t)byte);
	}
}

size_t tr_text_percent_size(struct troupe_text t)
{
	size_t size = t.size;

	for (size_t i = 0; i < t.size; i++)
		if (escape_at(t, i) >= 0) {
			size -= 2;
			i += 2;
		}
	return size;
}

bool tr_text_clean(struct troupe_text t)
{
	return !t.size || (tr_utf8_valid(t.data, t.size) && !memchr(t.data, 0, t.size));
}

bool tr_text_same_secret(struct troupe_text a, struct troupe_text b)
{
	return a.size == b.size && !CRYPTO_memcmp(a.data, b.data, a.size);
}
