/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that we left behind: their agents are told, they are deleted, and their processes ended when
 * they do not end by themselves (spec 2.7). Each goes through
 *
 *	[session/close ->] look -> DELETE
 *
 * and then one sweep is for all of them. DELETE of a living agent is never answered; closing it gives the
 * agent the end of its input, which real agents ignore; and what is below an agent may outlive it, without
 * a parent: so who is below it is noted before. One whose DELETE is answered is swept as well: it may be
 * the second one, from a server that followed a killed one, and the sandbox forgets an instance with the
 * first, though the process lives on; and an agent that ended by itself may have left something. Before a
 * new instance is made the same sweep ends the orphans of a server that died. An instance is remembered
 * durably from before it is made until it was cleaned up. */
#include "runtime/sandbox/session/clean.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/sandbox/session/request.h"
#include "runtime/sandbox/session/session.h"
#include "runtime/sandbox/session/store.h"
#include "runtime/sandbox/session/sweep.h"

static void clean_next(struct troupe_session *s);

void tr_left_free(struct tr_left *left)
{
	tr_list_remove(&left->link);
	tr_bytes_free(&left->item);
	free(left);
}

void tr_clean_init(struct troupe_session *s)
{
	tr_list_init(&s->clean.left);
}

void tr_clean_fini(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->clean.left)))
		tr_left_free(tr_container(first, struct tr_left, link));
}

void tr_clean_add(struct troupe_session *s, bool well)
{
	struct tr_left *left;

	if (!*s->instance.server_id)
		return;
	for (struct tr_list *at = s->clean.left.next; at != &s->clean.left; at = at->next) {
		if (strcmp(tr_container(at, struct tr_left, link)->server_id, s->instance.server_id) == 0)
			return;
	}
	left = tr_alloc(sizeof *left);
	snprintf(left->server_id, sizeof left->server_id, "%s", s->instance.server_id);
	left->created_ms = s->instance.created_ms;
	if (well && s->instance.closes)
		memcpy(left->close, s->instance.agent_session, sizeof left->close);
	tr_list_push(&s->clean.left, &left->link);
}

void tr_clean_hand_over(struct troupe_session *s)
{
	struct tr_list *first;

	while ((first = tr_list_first(&s->clean.left))) {
		struct tr_left *left = tr_container(first, struct tr_left, link);

		tr_store_hand_over(s, left);
		tr_left_free(left);
	}
}

/* The first that is not ready to be swept. */
static struct tr_left *first_left(struct troupe_session *s)
{
	for (struct tr_list *at = s->clean.left.next; at != &s->clean.left; at = at->next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		if (left->step < TR_ENDING_SWEEP)
			return left;
	}
	return NULL;
}

static bool some_hang(const struct troupe_session *s)
{
	for (struct tr_list *at = s->clean.left.next; at != &s->clean.left; at = at->next) {
		if (tr_container(at, struct tr_left, link)->hung)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ the steps */

static struct tr_ending_of ending_of(const struct tr_left *left)
{
	return (struct tr_ending_of){
		.server_id = left->server_id, .close = left->close, .created_ms = left->created_ms };
}

static void on_answer(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_left *left = first_left(s);
	struct tr_ending_of of = ending_of(left);
	struct tr_ending_answer a;

	s->clean.request = NULL;
	tr_ending_read(&a, left->step, &of, answer);
	left->hung = a.hangs;
	if (!a.heard) {
		tr_session_verdict(s, TR_TROUBLE, 0, NULL, a.problem.words);
		return;
	}
	if (left->step == TR_ENDING_CLOSE)
		left->close[0] = '\0';
	left->step = left->step == TR_ENDING_CLOSE ? TR_ENDING_LOOK : TR_ENDING_SWEEP;
	clean_next(s);
}

static void ask(struct troupe_session *s, const struct tr_left *left)
{
	struct tr_ending_of of = ending_of(left);
	struct tr_ending_request r;

	tr_ending_ask(&r, left->step, &of);
	r.o.on_end = on_answer;
	s->clean.request = tr_session_http(s, &r.o, r.path);
}

static void looked(struct troupe_session *s)
{
	first_left(s)->step = TR_ENDING_DELETE;
	clean_next(s);
}

static void swept_turn(struct troupe_session *s, void *arg)
{
	struct tr_list *first;

	(void)arg;
	while ((first = tr_list_first(&s->clean.left))) {
		struct tr_left *left = tr_container(first, struct tr_left, link);

		tr_store_cleaned(s, left->server_id);
		tr_left_free(left);
	}
	if (!s->instance.bound)
		tr_family_forget(s);
}

static void swept(struct troupe_session *s)
{
	if (tr_session_turn(s, swept_turn, NULL))
		clean_next(s);
}

/* ------------------------------------------------------------------ one after the other */

static void clean_one(struct troupe_session *s, struct tr_left *left)
{
	struct tr_ending_of of = ending_of(left);

	if (left->step == TR_ENDING_CLOSE)
		left->step = tr_ending_first(&of);
	if (left->step == TR_ENDING_LOOK)
		tr_family_look(s, left, looked);
	else
		ask(s, left);
}

static void clean_next(struct troupe_session *s)
{
	struct tr_left *left = first_left(s);

	if (left)
		clean_one(s, left);
	else if (!tr_list_empty(&s->clean.left) || (tr_family_known(s) && !s->instance.bound))
		tr_sweep(s, some_hang(s), swept);
	else
		s->clean.then(s);
}

void tr_clean_start(struct troupe_session *s, void (*then)(struct troupe_session *s))
{
	s->clean.then = then;
	clean_next(s);
}

void tr_clean_stop(struct troupe_session *s)
{
	s->clean.request = tr_http_cancel(s->clean.request);
	tr_sweep_stop(s);
}
