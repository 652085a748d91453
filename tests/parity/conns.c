/* SPDX-License-Identifier: Apache-2.0 */
/* What an actor knows of its connections: the suite's conn-state.ts and conn-preflight-visibility.ts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

/* ------------------------------------------------------------------ connStateActor */

#define WORD_MAX 128 /* of a user name or role, as these tests use them */

struct shared { int64_t counter, disconnections; };
static const struct troupe_record shared = TROUPE_RECORD(shared,
	TROUPE_FIELD(shared, counter, "sharedCounter"),
	TROUPE_FIELD(shared, disconnections, "disconnectionCount"));

struct person { char username[WORD_MAX], role[WORD_MAX]; int64_t counter, created_at; bool no_count; };

struct person_params { const char *username, *role; bool no_count; };
static const struct troupe_record person_params = TROUPE_RECORD(person_params,
	TROUPE_OPTION(person_params, username, "username"),
	TROUPE_OPTION(person_params, role, "role"),
	TROUPE_OPTION(person_params, no_count, "noCount"));

struct person_view { const char *id, *username, *role; int64_t counter, created_at; bool no_count; };
static const struct troupe_record person_view = TROUPE_RECORD(person_view,
	TROUPE_OPTION(person_view, id, "id"),
	TROUPE_FIELD(person_view, username, "username"),
	TROUPE_FIELD(person_view, role, "role"),
	TROUPE_FIELD(person_view, counter, "counter"),
	TROUPE_FIELD(person_view, created_at, "createdAt"),
	TROUPE_FIELD(person_view, no_count, "noCount"));

static struct person_view view_of(struct troupe_peer *p)
{
	struct person *who = troupe_peer_self(p);

	return (struct person_view){ troupe_peer_id(p), who->username, who->role, who->counter, who->created_at, who->no_count };
}

static void set_word(char into[WORD_MAX], const char *text, const char *otherwise)
{
	snprintf(into, WORD_MAX, "%s", text && *text ? text : otherwise);
}

static int conn_state_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	struct person *who = troupe_peer_self(p);
	struct person_params in;

	read_params(a, p, &person_params, &in);
	set_word(who->username, in.username, "anonymous");
	set_word(who->role, in.role, "user");
	who->created_at = troupe_now_ms(a);
	who->no_count = in.no_count;
	return 0;
}

struct arrival { const char *id, *username, *role; };
static const struct troupe_record arrival = TROUPE_RECORD(arrival,
	TROUPE_FIELD(arrival, id, "id"),
	TROUPE_OPTION(arrival, username, "username"),
	TROUPE_OPTION(arrival, role, "role"));

static struct troupe_peer *peer_by_id(struct troupe_actor *a, const char *id)
{
	struct troupe_peer *p = NULL;

	while ((p = troupe_peer_next(a, p))) {
		if (strcmp(troupe_peer_id(p), id) == 0)
			return p;
	}
	return NULL;
}

static int conn_state_join(struct troupe_actor *a, struct troupe_peer *p)
{
	struct person *who = troupe_peer_self(p);
	struct arrival me = { .id = troupe_peer_id(p), .username = who->username };
	struct troupe_peer *found = peer_by_id(a, me.id);

	troupe_send(p, "connectedFromOnConnect", &arrival, &me);
	if (!found)
		return TROUPE_EINTERNAL;
	troupe_send(found, "connectedFromOnConnectConns", &arrival, &me);
	troupe_broadcast(a, "userConnected", &arrival, &(struct arrival){ me.id, "anonymous", "user" });
	return 0;
}

static void conn_state_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct shared *self = troupe_self(a);
	struct person *who = troupe_peer_self(p);

	if (who->no_count)
		return;
	self->disconnections++;
	troupe_broadcast(a, "userDisconnected", &arrival, &(struct arrival){ .id = troupe_peer_id(p) });
}

struct amount { int64_t amount; };
static const struct troupe_record amount = TROUPE_RECORD(amount,
	TROUPE_DEFAULT(amount, amount, "amount", 1));

static int conn_state_increment_own(struct troupe_actor *a, struct troupe_call *call)
{
	const struct amount *in = troupe_args(call);
	struct troupe_peer *p = troupe_caller(call);

	(void)a;
	if (p)
		((struct person *)troupe_peer_self(p))->counter += in->amount;
	return 0;
}

static int conn_state_increment_shared(struct troupe_actor *a, struct troupe_call *call)
{
	struct shared *self = troupe_self(a);
	const struct amount *in = troupe_args(call);

	self->counter += in->amount;
	return troupe_reply_int(call, self->counter);
}

static int conn_state_get_own(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_peer *p = troupe_caller(call);
	struct person_view view;

	(void)a;
	if (!p)
		return 0;
	view = view_of(p);
	return troupe_reply(call, &person_view, &view);
}

static int conn_state_get_ids(struct troupe_actor *a, struct troupe_call *call)
{
	struct troupe_peer *peer = NULL;
	size_t count = 0;
	struct pack p;

	while ((peer = troupe_peer_next(a, peer)))
		count += !((struct person *)troupe_peer_self(peer))->no_count;
	pack_begin(&p);
	msgpack_pack_array(&p.out, count);
	while ((peer = troupe_peer_next(a, peer))) {
		if (!((struct person *)troupe_peer_self(peer))->no_count)
			pack_text(&p, troupe_peer_id(peer));
	}
	return pack_reply(&p, call);
}

static int conn_state_get_disconnections(struct troupe_actor *a, struct troupe_call *call)
{
	return troupe_reply_int(call, ((struct shared *)troupe_self(a))->disconnections);
}

static int conn_state_get_all(struct troupe_actor *a, struct troupe_call *call)
{
	struct person_view *views = calloc(troupe_peer_count(a) + 1, sizeof *views);
	struct troupe_peer *peer = NULL;
	size_t count = 0;
	int rc;

	if (!views)
		return TROUPE_ENOMEM;
	while ((peer = troupe_peer_next(a, peer)))
		views[count++] = view_of(peer);
	rc = troupe_reply_value(call, troupe_list(a, &person_view, views, count));
	free(views);
	return rc;
}

struct letter { const char *to, *message; };
static const struct troupe_record letter = TROUPE_RECORD(letter,
	TROUPE_FIELD(letter, to, "targetId"),
	TROUPE_FIELD(letter, message, "message"));

struct direct { const char *from, *message; };
static const struct troupe_record direct = TROUPE_RECORD(direct,
	TROUPE_OPTION(direct, from, "from"),
	TROUPE_FIELD(direct, message, "message"));

static int reply_bool(struct troupe_call *call, bool yes)
{
	struct pack p;

	pack_begin(&p);
	if (yes)
		msgpack_pack_true(&p.out);
	else
		msgpack_pack_false(&p.out);
	return pack_reply(&p, call);
}

static int conn_state_send(struct troupe_actor *a, struct troupe_call *call)
{
	const struct letter *in = troupe_args(call);
	struct troupe_peer *to = peer_by_id(a, in->to), *from = troupe_caller(call);

	if (to)
		troupe_send(to, "directMessage", &direct, &(struct direct){
			.from    = from ? troupe_peer_id(from) : NULL,
			.message = in->message,
		});
	return reply_bool(call, to != NULL);
}

static int conn_state_update(struct troupe_actor *a, struct troupe_call *call)
{
	const struct person_params *in = troupe_args(call);
	struct troupe_peer *p = troupe_caller(call);
	struct person_view view;
	struct person *who;

	(void)a;
	if (!p)
		return 0;
	who = troupe_peer_self(p);
	set_word(who->username, in->username, who->username);
	set_word(who->role, in->role, who->role);
	view = view_of(p);
	view.id = NULL;
	return troupe_reply(call, &person_view, &view);
}

struct parting { const char *reason; };
static const struct troupe_record parting = TROUPE_RECORD(parting,
	TROUPE_OPTION(parting, reason, "reason"));

static int conn_state_disconnect(struct troupe_actor *a, struct troupe_call *call)
{
	const struct parting *in = troupe_args(call);
	struct troupe_peer *p = troupe_caller(call);

	(void)a;
	reply_bool(call, true);
	if (p && troupe_peer_connected(p))
		troupe_disconnect(p, in->reason ? in->reason : "test.disconnect");
	return 0;
}

static const struct troupe_action conn_state_actions[] = {
	{ .name = "incrementConnCounter",   .run = conn_state_increment_own,    .takes = &amount, .positional = true },
	{ .name = "incrementSharedCounter", .run = conn_state_increment_shared, .takes = &amount, .positional = true },
	{ .name = "getConnectionState",     .run = conn_state_get_own },
	{ .name = "getConnectionIds",       .run = conn_state_get_ids },
	{ .name = "getDisconnectionCount",  .run = conn_state_get_disconnections },
	{ .name = "getAllConnectionStates", .run = conn_state_get_all },
	{ .name = "sendToConnection",       .run = conn_state_send,             .takes = &letter, .positional = true },
	{ .name = "updateConnection",       .run = conn_state_update,           .takes = &person_params },
	{ .name = "disconnectSelf",         .run = conn_state_disconnect,       .takes = &parting, .positional = true },
	{ 0 }
};

const struct troupe_kind conn_state_kind = {
	.name      = "connStateActor",
	.size      = sizeof(struct shared),
	.state     = &shared,
	.peer_size = sizeof(struct person),
	.admit     = conn_state_admit,
	.join      = conn_state_join,
	.leave     = conn_state_leave,
	.actions   = conn_state_actions,
};

/* ------------------------------------------------------------------ connPreflightVisibilityActor
 * Who is seen when. The delays that a client can ask for are not waited out, since nobody
 * is let in later than at once here. */

struct sights { int64_t before_started, create_started; struct troupe_value before, create, connects, disconnects; };
static const struct troupe_record sights = TROUPE_RECORD(sights,
	TROUPE_FIELD(sights, before_started, "beforeStarted"),
	TROUPE_FIELD(sights, create_started, "createStarted"),
	TROUPE_OPTION(sights, before, "beforeVisibleLabels"),
	TROUPE_OPTION(sights, create, "createVisibleLabels"),
	TROUPE_OPTION(sights, connects, "connectSnapshots"),
	TROUPE_OPTION(sights, disconnects, "disconnectSnapshots"));

struct badge { char label[WORD_MAX]; };

struct sights_params { const char *label; bool reject_before, reject_create; };
static const struct troupe_record sights_params = TROUPE_RECORD(sights_params,
	TROUPE_OPTION(sights_params, label, "label"),
	TROUPE_OPTION(sights_params, reject_before, "rejectBefore"),
	TROUPE_OPTION(sights_params, reject_create, "rejectCreate"));

/* The labels of all but one. */
static void pack_labels(struct pack *p, struct troupe_actor *a, const struct troupe_peer *but)
{
	struct troupe_peer *peer = NULL;
	size_t count = 0;

	while ((peer = troupe_peer_next(a, peer)))
		count += peer != but;
	msgpack_pack_array(&p->out, count);
	while ((peer = troupe_peer_next(a, peer))) {
		if (peer != but)
			pack_text(p, ((struct badge *)troupe_peer_self(peer))->label);
	}
}

static void sights_note(struct troupe_actor *a, struct troupe_value *list)
{
	struct pack p;

	pack_begin(&p);
	pack_labels(&p, a, NULL);
	list_push(a, list, pack_value(&p));
	pack_end(&p);
}

static bool is_among(struct troupe_actor *a, const struct troupe_peer *wanted)
{
	struct troupe_peer *peer = NULL;

	while ((peer = troupe_peer_next(a, peer)))
		if (peer == wanted)
			return true;
	return false;
}

static int sights_admit(struct troupe_actor *a, struct troupe_peer *p)
{
	struct sights *self = troupe_self(a);
	struct sights_params in;

	read_params(a, p, &sights_params, &in);
	self->before_started++;
	sights_note(a, &self->before);
	if (in.reject_before)
		return TROUPE_EINTERNAL;
	self->create_started++;
	sights_note(a, &self->create);
	if (in.reject_create)
		return TROUPE_EINTERNAL;
	set_word(((struct badge *)troupe_peer_self(p))->label, in.label, "anonymous");
	return 0;
}

static int sights_join(struct troupe_actor *a, struct troupe_peer *p)
{
	struct pack snapshot;

	pack_begin(&snapshot);
	msgpack_pack_map(&snapshot.out, 3);
	pack_text(&snapshot, "label");
	pack_text(&snapshot, ((struct badge *)troupe_peer_self(p))->label);
	pack_text(&snapshot, "ownVisible");
	(is_among(a, p) ? msgpack_pack_true : msgpack_pack_false)(&snapshot.out);
	pack_text(&snapshot, "visibleLabels");
	pack_labels(&snapshot, a, NULL);
	list_push(a, &((struct sights *)troupe_self(a))->connects, pack_value(&snapshot));
	pack_end(&snapshot);
	return 0;
}

static void sights_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	struct pack snapshot;

	pack_begin(&snapshot);
	msgpack_pack_map(&snapshot.out, 2);
	pack_text(&snapshot, "label");
	pack_text(&snapshot, ((struct badge *)troupe_peer_self(p))->label);
	pack_text(&snapshot, "otherLabels");
	pack_labels(&snapshot, a, p);
	list_push(a, &((struct sights *)troupe_self(a))->disconnects, pack_value(&snapshot));
	pack_end(&snapshot);
}

static int sights_snapshot(struct troupe_actor *a, struct troupe_call *call)
{
	struct sights *self = troupe_self(a);
	struct pack p;

	pack_begin(&p);
	msgpack_pack_map(&p.out, 7);
	pack_text(&p, "beforeStarted");
	msgpack_pack_int64(&p.out, self->before_started);
	pack_text(&p, "createStarted");
	msgpack_pack_int64(&p.out, self->create_started);
	pack_text(&p, "beforeVisibleLabels");
	pack_list(&p, self->before);
	pack_text(&p, "createVisibleLabels");
	pack_list(&p, self->create);
	pack_text(&p, "connectSnapshots");
	pack_list(&p, self->connects);
	pack_text(&p, "disconnectSnapshots");
	pack_list(&p, self->disconnects);
	pack_text(&p, "visibleLabels");
	pack_labels(&p, a, NULL);
	return pack_reply(&p, call);
}

const struct troupe_kind preflight_kind = {
	.name      = "connPreflightVisibilityActor",
	.size      = sizeof(struct sights),
	.state     = &sights,
	.peer_size = sizeof(struct badge),
	.admit     = sights_admit,
	.join      = sights_join,
	.leave     = sights_leave,
	.actions   = (const struct troupe_action[]){
		{ .name = "snapshot", .run = sights_snapshot },
		{ 0 }
	},
};
