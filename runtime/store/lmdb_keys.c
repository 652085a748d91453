/* SPDX-License-Identifier: Apache-2.0 */
/* How keys and rows are laid out in LMDB; lmdb_inner.h has the table. */
#include <errno.h>

#include "runtime/base/limits.h"
#include "runtime/store/lmdb_inner.h"

void tr_put_be64(uint8_t *into, uint64_t n)
{
	for (int i = 7; i >= 0; i--, n >>= 8)
		into[i] = (uint8_t)n;
}

uint64_t tr_get_be64(const void *from)
{
	const uint8_t *bytes = from;
	uint64_t n = 0;

	for (int i = 0; i < 8; i++)
		n = n << 8 | bytes[i];
	return n;
}

bool tr_val_u64(const MDB_val *v, uint64_t *ret)
{
	if (v->mv_size != 8)
		return false;
	*ret = tr_get_be64(v->mv_data);
	return true;
}

void tr_key_num(struct tr_lmdb_key *k, uint64_t num)
{
	tr_put_be64(k->bytes, num);
	k->size = 8;
}

void tr_key_pair(struct tr_lmdb_key *k, uint64_t num, uint64_t seq)
{
	tr_put_be64(k->bytes, num);
	tr_put_be64(k->bytes + 8, seq);
	k->size = 16;
}

void tr_key_place(struct tr_lmdb_key *k, const struct tr_alarm_place *place)
{
	tr_put_be64(k->bytes, (uint64_t)place->at_ms);
	tr_put_be64(k->bytes + 8, place->actor);
	tr_put_be64(k->bytes + 16, place->id);
	k->size = 24;
}

bool tr_alarm_read(struct tr_alarm_place *ret, const MDB_val *key, const MDB_val *value)
{
	if (key->mv_size != 16 || value->mv_size < 8)
		return false;
	*ret = (struct tr_alarm_place){
		(int64_t)tr_get_be64(value->mv_data), tr_get_be64(key->mv_data), tr_get_be64((const char *)key->mv_data + 8),
	};
	return true;
}

bool tr_key_item(struct tr_lmdb_key *k, uint64_t num, const void *key, size_t size)
{
	if (size > TR_ITEM_KEY_MAX)
		return false;
	tr_put_be64(k->bytes, num);
	if (size)
		memcpy(k->bytes + 8, key, size);
	k->size = 8 + size;
	return true;
}

bool tr_key_id(struct tr_lmdb_key *k, const char *id)
{
	size_t size = strnlen(id, sizeof(k->bytes));

	if (!size || size > TR_LMDB_KEY_MAX)
		return false;
	memcpy(k->bytes, id, size);
	k->size = size;
	return true;
}

bool tr_is_default(const char *namespace)
{
	return strcmp(namespace, TR_NAMESPACE_DEFAULT) == 0;
}

/* Appends the text and its NUL. */
static void put_text(struct tr_lmdb_key *k, const char *text)
{
	size_t size = strlen(text) + 1;

	memcpy(k->bytes + k->size, text, size);
	k->size += size;
}

bool tr_key_name(struct tr_lmdb_key *k, const char *namespace, const char *name, uint64_t num)
{
	if (strnlen(name, TR_STORED_NAME_BYTES_MAX) + strnlen(namespace, TR_STORED_NAME_BYTES_MAX) >= TR_STORED_NAME_BYTES_MAX)
		return false;
	k->size = 0;
	if (!tr_is_default(namespace)) {
		k->bytes[k->size++] = 0;
		put_text(k, namespace);
	}
	put_text(k, name);
	tr_put_be64(k->bytes + k->size, num);
	k->size += 8;
	return true;
}

int tr_key_digest(EVP_MD_CTX *digest, struct tr_lmdb_key *k, const char *namespace, const char *name,
                  const char *key)
{
	unsigned size = 0;

	if (!EVP_DigestInit_ex(digest, EVP_sha256(), NULL) ||
	    (!tr_is_default(namespace) && !EVP_DigestUpdate(digest, namespace, strlen(namespace) + 1)) ||
	    !EVP_DigestUpdate(digest, name, strlen(name) + 1) ||
	    !EVP_DigestUpdate(digest, key, strlen(key)) ||
	    !EVP_DigestFinal_ex(digest, k->bytes, &size))
		return ENOMEM;
	k->size = size;
	return 0;
}

void tr_key_after(struct tr_lmdb_key *k, const MDB_val *v)
{
	size_t size = v->mv_size < TR_LMDB_KEY_MAX ? v->mv_size : TR_LMDB_KEY_MAX;

	memmove(k->bytes, v->mv_data, size);
	k->bytes[size] = 0;
	k->size = size + 1;
}

bool tr_val_of(const MDB_val *v, uint64_t num)
{
	return v->mv_size >= 8 && tr_get_be64(v->mv_data) == num;
}

/* The next NUL-terminated text of a row; NULL when there is none. */
static const char *next_text(const char **at, const char *end)
{
	const char *text = *at, *nul = text < end ? memchr(text, 0, (size_t)(end - text)) : NULL;

	if (!nul)
		return NULL;
	*at = nul + 1;
	return text;
}

bool tr_row_texts(struct tr_actor_row *ret, const void *data, size_t size)
{
	const char *at = data, *end = at + size;

	*ret = (struct tr_actor_row){ .id = next_text(&at, end) };
	ret->name = ret->id ? next_text(&at, end) : NULL;
	ret->key = ret->name ? next_text(&at, end) : NULL;
	ret->namespace = at == end ? TR_NAMESPACE_DEFAULT : ret->key ? next_text(&at, end) : NULL;
	return ret->key && ret->namespace && at == end;
}

bool tr_row_read(struct tr_actor_row *ret, uint64_t num, const void *data, size_t size)
{
	if (size < 8 || !tr_row_texts(ret, (const char *)data + 8, size - 8))
		return false;
	ret->num = num;
	ret->created_ms = (int64_t)tr_get_be64(data);
	return true;
}
