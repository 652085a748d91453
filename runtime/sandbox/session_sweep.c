/* SPDX-License-Identifier: Apache-2.0 */
/* Agent processes that real agents leave behind, ended by scripts that the sandbox runs (spec 2.7). Two sorts:
 *
 *	hung      children of the server that nobody writes to any more: their DELETE was given up
 *	orphans   children of a server that is no more. They hang under process 1, where the first script does not see them;
 *	          so the server's family, its pid and its children's with their start times, is noted after each
 *	          bootstrap, and when the server turns out to be another, those of the noted that still live are ended
 *
 * Each is told TERM, looked at again, and told KILL. */
#include "runtime/sandbox/session.h"

#include <stdio.h>
#include <string.h>

#include "proto/json.h"
#include "runtime/base/log.h"

#define TERM_MS     300  /* after a TERM, before looking whether that was enough */
#define KILL_MS     1700 /* after that, before KILL */
#define RUN_MS      15000
#define FAMILY_MAX  (16 * 1024)

/* Prints what it signals. */
static const char hung_script[] =
	"s=$PPID; for d in /proc/[0-9]*; do p=${d#/proc/}; [ \"$p\" = $$ ] && continue\n"
	"[ \"$(sed 's/.*) //' $d/stat 2>/dev/null | cut -d' ' -f2)\" = \"$s\" ] || continue\n"
	"i=$(readlink $d/fd/0) || continue; case $i in pipe:*) ;; *) continue;; esac\n"
	"ls -l /proc/$s/fd | grep -qF \"$i\" && continue; echo $p; kill -$1 $p; done\n";

/* Prints the family: PID:START of the server, then of each child that reads from a pipe. */
static const char family_script[] =
	"t() { sed 's/.*) //' /proc/$1/stat 2>/dev/null | cut -d' ' -f20; }\n"
	"echo $PPID:$(t $PPID); for d in /proc/[0-9]*; do p=${d#/proc/}; [ \"$p\" = $$ ] && continue\n"
	"[ \"$(sed 's/.*) //' $d/stat 2>/dev/null | cut -d' ' -f2)\" = \"$PPID\" ] || continue\n"
	"case $(readlink $d/fd/0) in pipe:*) echo $p:$(t $p);; esac; done\n";

/* Given a family: nothing if its server is this one, else signals and prints the children that are still the same. */
static const char orphans_script[] =
	"t() { sed 's/.*) //' /proc/$1/stat 2>/dev/null | cut -d' ' -f20; }\n"
	"sig=$1; s=$2; shift 2; [ \"$s\" = \"$PPID:$(t $PPID)\" ] && exit 0\n"
	"for c; do [ -n \"${c#*:}\" ] && [ \"$(t ${c%%:*})\" = \"${c#*:}\" ] && echo ${c%%:*} && kill -$sig ${c%%:*}; done; exit 0\n";

static const struct { const char *signal; int then_ms; } steps[] = { { "TERM", TERM_MS }, { "TERM", KILL_MS }, { "KILL", 0 } };
#define STEPS (sizeof steps / sizeof *steps)

static void sweep_step(struct troupe_session *s);

/* ------------------------------------------------------------------ running scripts */

static void put_argument(struct tr_bytes *body, const char *text, size_t size)
{
	tr_bytes_put_text(body, ",");
	tr_json_put_string(body, (struct troupe_text){ text, size });
}

/* Runs `sh -c script sh signal FAMILY...`; signal NULL: no arguments. */
static struct tr_http_request *run(struct troupe_session *s, const char *script, const char *signal, const char *family,
                                   void (*on_end)(void *arg, const struct tr_http_answer *answer))
{
	struct tr_bytes body = { 0 };

	tr_bytes_put_text(&body, "{\"command\":\"sh\",\"args\":[\"-c\"");
	put_argument(&body, script, strlen(script));
	put_argument(&body, "sh", 2);
	if (signal)
		put_argument(&body, signal, strlen(signal));
	while (*family) {
		size_t size = strcspn(family, "\n");

		put_argument(&body, family, size);
		family += size + (family[size] == '\n');
	}
	tr_bytes_put_text(&body, "],\"timeoutMs\":10000}");
	return tr_session_http(s, &(struct tr_http_options){
		.method = "POST", .body = &body, .time_ms = RUN_MS, .body_max = 2 << 20, .on_end = on_end,
	}, "/v1/processes/run");
}

/* What the script printed; nothing, if it could not be run. */
static void output_of(const struct troupe_session *s, const struct tr_http_answer *answer, struct tr_problem *p,
                      struct tr_bytes *out)
{
	tr_problem_read(answer, p);
	if (p->kind != TR_PROBLEM_NONE || tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) < 0
	    || !tr_json_find_string(answer->body, out, "stdout", NULL))
		tr_warn("agent.sweep", "session=%s failed=\"%s\"", s->id, p->words);
}

/* ------------------------------------------------------------------ sweeping */

static void on_swept(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes pids = { 0 };
	struct tr_problem p;
	char words[64];
	bool some;

	s->link_request = NULL;
	output_of(s, answer, &p, &pids);
	some = pids.size > 0;
	if (some) {
		tr_words(words, sizeof words, (struct troupe_text){ (const char *)pids.data, pids.size });
		tr_info("agent.sweep", "session=%s signal=%s pids=\"%s\"", s->id, steps[s->sweep].signal, words);
	}
	tr_bytes_free(&pids);
	if (p.kind == TR_PROBLEM_NOT_SENT || p.kind == TR_PROBLEM_UNSURE)
		tr_link_trouble(s, p.words);
	else if (some && s->sweep + 1 < STEPS)
		tr_link_timer(s, steps[s->sweep++].then_ms, sweep_step);
	else
		s->swept_then(s);
}

static void sweep_step(struct troupe_session *s)
{
	bool hung = s->sweeping == TR_SWEEP_HUNG;

	s->link_request = run(s, hung ? hung_script : orphans_script, steps[s->sweep].signal,
	                      hung ? "" : tr_bytes_text(&s->family), on_swept);
}

void tr_sweep(struct troupe_session *s, enum tr_sweep what, int after_ms, void (*then)(struct troupe_session *s))
{
	s->sweeping = what;
	s->sweep = 0;
	s->swept_then = then;
	tr_link_timer(s, after_ms, sweep_step);
}

/* ------------------------------------------------------------------ the family */

static bool is_family(const struct tr_bytes *b)
{
	for (size_t i = 0; i < b->size; i++) {
		if ((b->data[i] < '0' || b->data[i] > '9') && b->data[i] != ':' && b->data[i] != '\n')
			return false;
	}
	return b->size > 0 && b->size <= FAMILY_MAX;
}

static void family_turn(struct troupe_session *s, void *arg)
{
	struct tr_bytes *found = arg;

	tr_bytes_free(&s->family);
	s->family = *found;
	*found = (struct tr_bytes){ 0 };
	tr_store_family(s);
}

static void on_family(void *arg, const struct tr_http_answer *answer)
{
	struct troupe_session *s = arg;
	struct tr_bytes found = { 0 };
	struct tr_problem p;

	s->family_request = NULL;
	output_of(s, answer, &p, &found);
	if (is_family(&found))
		tr_session_turn(s, family_turn, &found);
	tr_bytes_free(&found);
}

void tr_family_note(struct troupe_session *s)
{
	tr_family_drop(s);
	s->family_request = run(s, family_script, NULL, "", on_family);
}

void tr_family_drop(struct troupe_session *s)
{
	s->family_request = tr_http_cancel(s->family_request);
}

void tr_family_forget(struct troupe_session *s)
{
	tr_bytes_free(&s->family);
	tr_store_family(s);
}
