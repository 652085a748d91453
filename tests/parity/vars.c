/* SPDX-License-Identifier: Apache-2.0 */
/* Fields that live as long as the actor is awake, and what an actor knows of itself: the suite's vars.ts, metadata.ts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* ------------------------------------------------------------------ staticVarActor */

struct fixed { int64_t counter; const char *name; };
static const struct troupe_record fixed = TROUPE_RECORD(fixed,
	TROUPE_FIELD(fixed, counter, "counter"),
	TROUPE_FIELD(fixed, name, "name"));

static int fixed_get_vars(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &fixed, troupe_self(a));
}

static int fixed_get_name(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_text(call, ((struct fixed *)troupe_self(a))->name);
}

const struct troupe_kind static_var_kind = {
	.name    = "staticVarActor",
	.size    = sizeof(struct fixed),
	.initial = &(const struct fixed){ .counter = 42, .name = "test-actor" },
	.actions = (const struct troupe_action[]){
		{ .name = "getVars", .run = fixed_get_vars },
		{ .name = "getName", .run = fixed_get_name },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ nestedVarActor */

#define NUMBERS_MAX 64

struct nested { const char *value, *key; int numbers[NUMBERS_MAX]; size_t count; };

static int nested_get(struct troupe_actor *a, struct troupe_call *call)
{
	struct nested *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 2);
	pack_text(&p, "counter");
	msgpack_pack_int(&p.out, 42);
	pack_text(&p, "nested");
	msgpack_pack_map(&p.out, 3);
	pack_text(&p, "value");
	pack_text(&p, self->value);
	pack_text(&p, "array");
	msgpack_pack_array(&p.out, self->count);
	for (size_t i = 0; i < self->count; i++)
		msgpack_pack_int(&p.out, self->numbers[i]);
	pack_text(&p, "obj");
	msgpack_pack_map(&p.out, 1);
	pack_text(&p, "key");
	pack_text(&p, self->key);
	return pack_reply(&p, call);
}

static int nested_modify(struct troupe_actor *a, struct troupe_call *call)
{
	struct nested *self = troupe_self(a);

	self->value = "modified";
	self->key = "new-value";
	if (self->count < NUMBERS_MAX)
		self->numbers[self->count++] = 4;
	return nested_get(a, call);
}

const struct troupe_kind nested_var_kind = {
	.name    = "nestedVarActor",
	.size    = sizeof(struct nested),
	.initial = &(const struct nested){ .value = "original", .key = "value", .numbers = { 1, 2, 3 }, .count = 3 },
	.actions = (const struct troupe_action[]){
		{ .name = "getVars",      .run = nested_get },
		{ .name = "modifyNested", .run = nested_modify },
		{ 0 }
	},
};

/* ------------------------------------------------------------------ dynamicVarActor, uniqueVarActor, driverCtxActor */

struct chance { double random; int64_t id; const char *computed; };
static const struct troupe_record dynamic = TROUPE_RECORD(chance,
	TROUPE_FIELD(chance, random, "random"),
	TROUPE_FIELD(chance, computed, "computed"));
static const struct troupe_record unique = TROUPE_RECORD(chance,
	TROUPE_FIELD(chance, id, "id"));

static int chance_wake(struct troupe_actor *a)
{
	struct chance *self = troupe_self(a);
	char text[32];

	self->random = drand48();
	self->id = (int64_t)strtoul(troupe_uuid(a), NULL, 16) % 1000000; /* its first eight digits */
	snprintf(text, sizeof text, "Actor-%d", (int)(self->id % 1000));
	troupe_set_text(a, &self->computed, text);
	return 0;
}

static int dynamic_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &dynamic, troupe_self(a));
}

static int unique_get(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply(call, &unique, troupe_self(a));
}

const struct troupe_kind dynamic_var_kind = {
	.name    = "dynamicVarActor",
	.size    = sizeof(struct chance),
	.wake    = chance_wake,
	.actions = (const struct troupe_action[]){ { .name = "getVars", .run = dynamic_get }, { 0 } },
};

const struct troupe_kind unique_var_kind = {
	.name    = "uniqueVarActor",
	.size    = sizeof(struct chance),
	.wake    = chance_wake,
	.actions = (const struct troupe_action[]){ { .name = "getVars", .run = unique_get }, { 0 } },
};

/* There are no drivers here. */
struct driver { bool has; };
static const struct troupe_record driver = TROUPE_RECORD(driver,
	TROUPE_FIELD(driver, has, "hasDriverCtx"));

static int driver_get(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply(call, &driver, &(struct driver){ false });
}

const struct troupe_kind driver_ctx_kind = {
	.name    = "driverCtxActor",
	.actions = (const struct troupe_action[]){ { .name = "getVars", .run = driver_get }, { 0 } },
};

/* ------------------------------------------------------------------ metadataActor */

#define METADATA_NAME "metadataActor"

struct metadata { const char *actor_name, *region; struct troupe_value tags; };
static const struct troupe_record metadata = TROUPE_RECORD(metadata,
	TROUPE_OPTION(metadata, actor_name, "actorName"),
	TROUPE_OPTION(metadata, tags, "storedTags"),
	TROUPE_OPTION(metadata, region, "storedRegion"));

static int metadata_wake(struct troupe_actor *a)
{
	troupe_set_text(a, &((struct metadata *)troupe_self(a))->actor_name, METADATA_NAME);
	return 0;
}

struct tags { struct troupe_value tags; };
static const struct troupe_record tags = TROUPE_RECORD(tags,
	TROUPE_FIELD(tags, tags, "tags"));

static int metadata_setup_tags(struct troupe_actor *a, struct troupe_call *call)
{
	const struct tags *in = troupe_args(call);
	int rc = troupe_set_value(a, &((struct metadata *)troupe_self(a))->tags, in->tags);

	return rc < 0 ? rc : troupe_reply_value(call, in->tags);
}

static struct troupe_value tags_or_none(const struct metadata *m)
{
	return m->tags.size ? m->tags : (struct troupe_value){ "\x80", 1 };
}

static int metadata_get_tags(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_value(call, tags_or_none(troupe_self(a)));
}

struct word { const char *text; };
static const struct troupe_record word = TROUPE_RECORD(word,
	TROUPE_FIELD(word, text, "text"));

static const msgpack_object *tag_of(const msgpack_object *all, const char *name)
{
	for (uint32_t i = 0; all->type == MSGPACK_OBJECT_MAP && i < all->via.map.size; i++) {
		const msgpack_object_kv *tag = &all->via.map.ptr[i];

		if (tag->key.via.str.size == strlen(name) && memcmp(tag->key.via.str.ptr, name, strlen(name)) == 0)
			return &tag->val;
	}
	return NULL;
}

static int metadata_get_tag(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);
	struct troupe_value all = tags_or_none(troupe_self(a));
	const msgpack_object *tag = NULL;
	msgpack_unpacked got;
	struct pack p;
	size_t at = 0;

	msgpack_unpacked_init(&got);
	if (msgpack_unpack_next(&got, all.data, all.size, &at) == MSGPACK_UNPACK_SUCCESS)
		tag = tag_of(&got.data, in->text);
	pack_begin(&p);
	if (tag)
		msgpack_pack_object(&p.out, *tag);
	else
		msgpack_pack_nil(&p.out);
	msgpack_unpacked_destroy(&got);
	return pack_reply(&p, call);
}

static int metadata_setup_region(struct troupe_actor *a, struct troupe_call *call)
{
	const struct word *in = troupe_args(call);

	troupe_set_text(a, &((struct metadata *)troupe_self(a))->region, in->text);
	return reply_text(call, in->text);
}

static int metadata_get_region(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_text(call, ((struct metadata *)troupe_self(a))->region);
}

static int metadata_get_name(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return reply_text(call, METADATA_NAME);
}

static int metadata_get_stored_name(struct troupe_actor *a, struct troupe_call *call)
{
	return reply_text(call, ((struct metadata *)troupe_self(a))->actor_name);
}

static int metadata_get(struct troupe_actor *a, struct troupe_call *call)
{
	struct metadata *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 3);
	pack_text(&p, "name");
	pack_text(&p, METADATA_NAME);
	pack_text(&p, "tags");
	pack_packed(&p, tags_or_none(self));
	pack_text(&p, "region");
	pack_text(&p, self->region);
	return pack_reply(&p, call);
}

static const struct troupe_action metadata_actions[] = {
	{ .name = "setupTestTags",      .run = metadata_setup_tags,   .takes = &tags, .positional = true },
	{ .name = "setupTestRegion",    .run = metadata_setup_region, .takes = &word, .positional = true },
	{ .name = "getMetadata",        .run = metadata_get },
	{ .name = "getActorName",       .run = metadata_get_name },
	{ .name = "getTag",             .run = metadata_get_tag,      .takes = &word, .positional = true },
	{ .name = "getTags",            .run = metadata_get_tags },
	{ .name = "getRegion",          .run = metadata_get_region },
	{ .name = "getStoredActorName", .run = metadata_get_stored_name },
	{ 0 }
};

const struct troupe_kind metadata_kind = {
	.name    = METADATA_NAME,
	.size    = sizeof(struct metadata),
	.state   = &metadata,
	.wake    = metadata_wake,
	.actions = metadata_actions,
};
