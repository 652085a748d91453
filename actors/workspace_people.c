/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a workspace, and who is typing: presence and typing are broadcast, and sent to whoever subscribes. */
#include <stdlib.h>
#include <string.h>

#include "workspace.h"

/* ------------------------------------------------------------------ who is here */

struct user { const char *user_id; int64_t since; const char *role; };
static const struct troupe_record user = TROUPE_RECORD(user,
	TROUPE_FIELD(user, user_id, "userId"),
	TROUPE_FIELD(user, since,   "since"),
	TROUPE_FIELD(user, role,    "role"));

/* change: "join" or "leave", and who, when it was somebody's first window or the last one. */
struct presence { struct troupe_value users; const char *change, *user_id, *role; };
static const struct troupe_record presence = TROUPE_RECORD(presence,
	TROUPE_FIELD(presence, users,    "users"),
	TROUPE_OPTION(presence, change,  "change"),
	TROUPE_OPTION(presence, user_id, "userId"),
	TROUPE_OPTION(presence, role,    "role"));

static const char *role_of(const struct troupe_peer *p)
{
	return troupe_peer_observes(p) ? "observer" : "controller";
}

static int by_name_then_time(const void *left, const void *right)
{
	const struct user *x = left, *y = right;
	int order = strcmp(x->user_id, y->user_id);

	return order ? order : (x->since > y->since) - (x->since < y->since);
}

/* Each person once, however many windows they have open, since the first of them; who may do more with one of them, may. */
static struct troupe_value who_is_here(struct troupe_actor *a)
{
	struct user *users = calloc(troupe_peer_count(a) + 1, sizeof *users);
	struct troupe_value list;
	size_t count = 0, kept = 0;

	for (struct troupe_peer *p = NULL; users && (p = troupe_peer_next(a, p)); ) {
		const char *user_id = troupe_peer_param(p, "userId");

		if (user_id)
			users[count++] = (struct user){ user_id, troupe_peer_since_ms(p), role_of(p) };
	}
	if (count > 0)
		qsort(users, count, sizeof *users, by_name_then_time);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || strcmp(users[kept - 1].user_id, users[i].user_id) != 0)
			users[kept++] = users[i];
		else if (strcmp(users[i].role, "controller") == 0)
			users[kept - 1].role = users[i].role;
	}
	list = troupe_list(a, &user, users, kept);
	free(users);
	return list;
}

static bool has_other_window(struct troupe_actor *a, const struct troupe_peer *p, const char *user_id)
{
	for (struct troupe_peer *other = NULL; (other = troupe_peer_next(a, other)); ) {
		const char *name = other != p ? troupe_peer_param(other, "userId") : NULL;

		if (name && strcmp(name, user_id) == 0)
			return true;
	}
	return false;
}

static void tell_presence(struct troupe_actor *a, struct troupe_peer *p, const char *change)
{
	const char *user_id = troupe_peer_param(p, "userId");
	struct presence now = { .users = { 0 } };

	if (!user_id)
		return;
	now.users = who_is_here(a);
	if (!has_other_window(a, p, user_id)) {
		now.change = change;
		now.user_id = user_id;
		now.role = role_of(p);
	}
	troupe_broadcast(a, "presence", &presence, &now);
}

/* ------------------------------------------------------------------ who is typing */

#define TYPING_MS       6000 /* from when somebody said so last */
#define TYPING_EVERY_MS 300  /* others are told this often at most */

struct typing { struct troupe_value users; };
static const struct troupe_record typing = TROUPE_RECORD(typing,
	TROUPE_FIELD(typing, users, "users"));

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static size_t who_types(struct troupe_actor *a, struct troupe_value *ret)
{
	const char **names = calloc(troupe_peer_count(a) + 1, sizeof *names);
	size_t count = 0, kept = 0;

	for (struct troupe_peer *p = NULL; names && (p = troupe_peer_next(a, p)); ) {
		const struct workspace_window *w = troupe_peer_self(p);

		if (w->typing_until > 0)
			names[count++] = troupe_peer_param(p, "userId");
	}
	if (count > 0)
		qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)
			names[kept++] = names[i];
	}
	*ret = troupe_texts(a, names, kept);
	free(names);
	return kept;
}

/* Tells what has changed, unless that was told a moment ago, and comes back when there is something to do. */
static void tell_typing(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);
	int64_t now = troupe_now_ms(a), next = INT64_MAX;
	struct typing users;

	if (ws->typing_changed && (now < ws->typing_told || now - ws->typing_told >= TYPING_EVERY_MS)) {
		who_types(a, &users.users);
		troupe_broadcast(a, "typing", &typing, &users);
		ws->typing_told = now;
		ws->typing_changed = false;
	}
	if (ws->typing_changed)
		next = ws->typing_told + TYPING_EVERY_MS;
	for (struct troupe_peer *p = NULL; (p = troupe_peer_next(a, p)); ) {
		const struct workspace_window *w = troupe_peer_self(p);

		if (w->typing_until > 0 && w->typing_until < next)
			next = w->typing_until;
	}
	troupe_timer_set(ws->typing, next == INT64_MAX ? -1 : next > now ? next - now : 1);
}

static void set_typing(struct troupe_actor *a, struct troupe_peer *p, int64_t until)
{
	struct workspace *ws = troupe_self(a);
	struct workspace_window *w = troupe_peer_self(p);

	ws->typing_changed = ws->typing_changed || (w->typing_until > 0) != (until > 0);
	w->typing_until = until;
}

static void on_typing(struct troupe_actor *a, void *arg)
{
	(void)arg;
	for (struct troupe_peer *p = NULL; (p = troupe_peer_next(a, p)); ) {
		const struct workspace_window *w = troupe_peer_self(p);

		if (w->typing_until > 0 && w->typing_until <= troupe_now_ms(a))
			set_typing(a, p, 0);
	}
	tell_typing(a);
}

/* ------------------------------------------------------------------ who comes and goes */

void workspace_wake_people(struct troupe_actor *a)
{
	struct workspace *ws = troupe_self(a);

	ws->typing = troupe_timer_new(a, on_typing, NULL);
	ws->typing_changed = troupe_peer_count(a) > 0;
	troupe_timer_set(ws->typing, ws->typing_changed ? 1 : -1);
}

int workspace_join(struct troupe_actor *a, struct troupe_peer *p)
{
	tell_presence(a, p, "join");
	return 0;
}

/* Who joins is told with its subscription, not before: else it would miss who came in between. */
int workspace_subscribe(struct troupe_actor *a, struct troupe_peer *p, const char *name)
{
	struct typing users;

	if (strcmp(name, "presence") == 0)
		return troupe_send(p, "presence", &presence, &(struct presence){ .users = who_is_here(a) });
	if (strcmp(name, "typing") == 0 && who_types(a, &users.users) > 0)
		return troupe_send(p, "typing", &typing, &users);
	return 0;
}

void workspace_leave(struct troupe_actor *a, struct troupe_peer *p)
{
	tell_presence(a, p, "leave");
	set_typing(a, p, 0);
	tell_typing(a);
}

void workspace_types(struct troupe_actor *a, struct troupe_peer *p, bool types)
{
	set_typing(a, p, types ? troupe_now_ms(a) + TYPING_MS : 0);
	tell_typing(a);
}
