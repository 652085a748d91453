/* SPDX-License-Identifier: Apache-2.0 */
/* Instances that we left behind: deleted, and their processes ended when they do not end by themselves (spec 2.7).
 *
 * DELETE of a living agent is never answered; closing it gives the agent the end of its input, which real agents
 * ignore. So those whose DELETE hung are swept: a script, run by the sandbox, signals the server's children that nobody
 * writes to any more. An instance is remembered durably from before it is made until it was cleaned up. */
#include "runtime/sandbox/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"

#define DELETE_MS    1000
#define GRACE_MS     500  /* for an agent that obeys the end of its input */
#define TERM_MS      300  /* after a TERM, before looking whether that was enough */
#define KILL_MS      1700 /* after that, before KILL */
#define SWEEP_RUN_MS 15000

/* The children of the server that read from a pipe whose other end the server does not have. */
static const char sweep_script[] =
	"s=$PPID; for d in /proc/[0-9]*; do p=${d#/proc/}; [ \"$p\" = $$ ] && continue\n"
	"[ \"$(sed 's/.*) //' $d/stat 2>/dev/null | cut -d' ' -f2)\" = \"$s\" ] || continue\n"
	"i=$(readlink $d/fd/0) || continue; case $i in pipe:*) ;; *) continue;; esac\n"
	"ls -l /proc/$s/fd | grep -qF \"$i\" && continue; echo $p; kill -${1:-TERM} $p; done\n";

static void clean_next(struct troupe_session *s);
static void sweep_next(struct troupe_session *s);

static void cleaned_turn(struct troupe_session *s, void *arg)
{
	struct tr_left *left = arg;

	tr_store_cleaned(s, left->server_id);
	tr_list_remove(&left->link);
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

/* ------------------------------------------------------------------ the sweep: TERM, TERM again to see, KILL */

static const struct { const char *signal; int then_ms; } sweeps[] = { { "TERM", TERM_MS }, { "TERM", KILL_MS }, { "KILL", 0 } };
#define SWEEPS (sizeof sweeps / sizeof *sweeps)

static void on_swept(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes pids = { 0 };
	struct tr_problem p;
	char words[64];

	s->link_request = NULL;
	tr_problem_read(answer, &p);
	if (p.kind == TR_PROBLEM_NONE && tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) == 0)
		tr_json_find_string(answer->body, &pids, "stdout", NULL);
	else
		tr_warn("agent.sweep", "session=%s failed=\"%s\"", s->id, p.words);
	if (pids.size > 0) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)pids.data, pids.size });
		tr_info("agent.sweep", "session=%s signal=%s pids=\"%s\"", s->id, sweeps[s->sweep].signal, words);
	}
	if (pids.size > 0 && s->sweep + 1 < SWEEPS)
		tr_link_timer(s, sweeps[s->sweep++].then_ms, sweep_next);
	else if (tr_session_turn(s, hung_turn, NULL))
		s->clean_then(s);
	tr_bytes_free(&pids);
}

static void sweep_next(struct troupe_session *s)
{
	struct tr_bytes body = { 0 };

	tr_bytes_put_text(&body, "{\"command\":\"sh\",\"args\":[\"-c\",");
	tr_json_put_string(&body, (struct troupe_text){ sweep_script, sizeof sweep_script - 1 });
	tr_bytes_printf(&body, ",\"sh\",\"%s\"],\"timeoutMs\":10000}", sweeps[s->sweep].signal);
	s->link_request = tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .body = &body, .time_ms = SWEEP_RUN_MS, .body_max = 1 << 20, .on_end = on_swept,
	}, "/v1/processes/run");
}

/* ------------------------------------------------------------------ one by one */

static struct tr_left *first_to_delete(struct troupe_session *s)
{
	for (struct tr_list *at = s->left.next; at != &s->left; at = at->next) {
		struct tr_left *left = tr_container(at, struct tr_left, link);

		if (!left->hung)
			return left;
	}
	return NULL;
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
	struct tr_left *left = first_to_delete(s);
	char path[TR_SERVER_ID_MAX + 16];

	if (left) {
		snprintf(path, sizeof path, "/v1/acp/%s", left->server_id);
		s->link_request = tr_session_http(s, &(struct tr_http_options){
			.method = "DELETE", .own_connection = true, .time_ms = DELETE_MS, .body_max = 64 * 1024, .on_end = on_deleted,
		}, path);
	} else if (!tr_list_empty(&s->left)) {
		s->sweep = 0;
		tr_link_timer(s, GRACE_MS, sweep_next);
	} else {
		s->clean_then(s);
	}
}

void tr_clean_start(struct troupe_session *s, void (*then)(struct troupe_session *s))
{
	s->clean_then = then;
	clean_next(s);
}
