/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that we left behind: their agents are told, they are deleted, and their processes ended when they do not end by
 * themselves (spec 2.7).
 *
 * DELETE of a living agent is never answered; closing it gives the agent the end of its input, which real agents
 * ignore. So those whose DELETE hung are swept, and before a new instance is made, the orphans of a server that died. A
 * second DELETE tells nothing: the sandbox forgets an instance with the first, and answers the next at once, though the
 * process lives on. An instance is remembered durably from before it is made until it was cleaned up. */
#include "runtime/sandbox/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/sandbox/sweep_script.h"

static void clean_next(struct troupe_session *s);

static void cleaned_turn(struct troupe_session *s, void *arg)
{
	struct tr_left *left = arg;

	tr_store_cleaned(s, left->server_id);
	tr_left_free(left);
}

void tr_left_free(struct tr_left *left)
{
	tr_list_remove(&left->link);
	tr_bytes_free(&left->item);
	free(left);
}

static void hung_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	for (struct tr_list *at = s->left.next, *next; at != &s->left; at = next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		next = at->next;
		if (left->hung)
			cleaned_turn(s, left);
	}
}

static void hung_swept(struct troupe_session *s)
{
	if (tr_session_turn(s, hung_turn, NULL))
		clean_next(s);
}

static void orphans_turn(struct troupe_session *s, void *arg)
{
	(void)arg;
	tr_family_forget(s);
}

static void orphans_swept(struct troupe_session *s)
{
	if (tr_session_turn(s, orphans_turn, NULL))
		clean_next(s);
}

static struct tr_left *first_to_delete(struct troupe_session *s)
{
	for (struct tr_list *at = s->left.next; at != &s->left; at = at->next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		if (!left->hung)
			return left;
	}
	return NULL;
}

static struct tr_left *first_to_close(struct troupe_session *s)
{
	for (struct tr_list *at = s->left.next; at != &s->left; at = at->next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		if (*left->close)
			return left;
	}
	return NULL;
}

/* Whatever the agent thinks of it. */
static void on_closed(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;

	(void)answer;
	s->link_request = NULL;
	first_to_close(s)->close[0] = '\0';
	clean_next(s);
}

static void close_session(struct troupe_session *s, const struct tr_left *left)
{
	struct tr_bytes body = { 0 };
	char path[TR_SERVER_ID_MAX + 16];

	tr_sweep_close(&body, left->close);
	snprintf(path, sizeof path, "/v1/acp/%s", left->server_id);
	s->link_request = tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .accept = "application/json", .body = &body, .own_connection = true, .time_ms = TR_GOODBYE_MS,
		.body_max = 2 << 20, .on_end = on_closed,
	}, path);
}

static void on_deleted(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_left *left = first_to_delete(s);
	struct tr_problem p;

	s->link_request = NULL;
	tr_problem_read(answer, &p);
	if (answer->end == TR_HTTP_TIMED_OUT) {
		left->hung = true;
	} else if (p.kind == TR_PROBLEM_NONE && left->tries > 1) {
		left->hung = true;
	} else if (p.kind == TR_PROBLEM_NONE) {
		if (!tr_session_turn(s, cleaned_turn, left))
			return;
	} else {
		tr_link_trouble(s, p.words);
		return;
	}
	clean_next(s);
}

static void clean_next(struct troupe_session *s)
{
	struct tr_left *left = first_to_delete(s), *closing = first_to_close(s);
	char path[TR_SERVER_ID_MAX + 16];

	if (closing) {
		close_session(s, closing);
	} else if (left) {
		left->tries++;
		snprintf(path, sizeof path, "/v1/acp/%s", left->server_id);
		s->link_request = tr_session_http(s, &(struct tr_http_options){
			.method = "DELETE", .own_connection = true, .time_ms = TR_DELETE_MS, .body_max = 64 * 1024, .on_end = on_deleted,
		}, path);
	} else if (!tr_list_empty(&s->left)) {
		tr_sweep(s, TR_SWEEP_HUNG, TR_SWEEP_GRACE_MS, hung_swept);
	} else if (s->family.size > 0 && !s->instance.bound) {
		tr_sweep(s, TR_SWEEP_ORPHANS, 0, orphans_swept);
	} else {
		s->clean_then(s);
	}
}

void tr_clean_start(struct troupe_session *s, void (*then)(struct troupe_session *s))
{
	s->clean_then = then;
	clean_next(s);
}
