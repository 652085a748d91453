/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/sweep_script.h"

#include <string.h>

#include "proto/acp.h"
#include "proto/json.h"
#include "runtime/base/mem.h"

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

#define TERM_MS 300  /* after a TERM, before looking whether that was enough */
#define KILL_MS 1700 /* after that, before KILL */

const struct tr_sweep_step tr_sweep_steps[TR_SWEEP_STEPS] = { { "TERM", TERM_MS }, { "TERM", KILL_MS }, { "KILL", 0 } };

static void put_argument(struct tr_bytes *body, const char *text, size_t size)
{
	tr_bytes_put_text(body, ",");
	tr_json_put_string(body, (struct troupe_text){ text, size });
}

void tr_sweep_close(struct tr_bytes *body, const char *agent_session)
{
	char id[37];

	tr_random_uuid(id);
	tr_acp_close(body, id, agent_session);
}

/* `sh -c script sh signal FAMILY...`; signal NULL: no arguments. */
static void put_run(struct tr_bytes *body, const char *script, const char *signal, const char *family)
{
	tr_bytes_put_text(body, "{\"command\":\"sh\",\"args\":[\"-c\"");
	put_argument(body, script, strlen(script));
	put_argument(body, "sh", 2);
	if (signal)
		put_argument(body, signal, strlen(signal));
	while (*family) {
		size_t size = strcspn(family, "\n");

		put_argument(body, family, size);
		family += size + (family[size] == '\n');
	}
	tr_bytes_put_text(body, "],\"timeoutMs\":10000}");
}

void tr_sweep_hung(struct tr_bytes *body, const char *signal)
{
	put_run(body, hung_script, signal, "");
}

void tr_sweep_family(struct tr_bytes *body)
{
	put_run(body, family_script, NULL, "");
}

void tr_sweep_orphans(struct tr_bytes *body, const char *signal, const char *family)
{
	put_run(body, orphans_script, signal, family);
}

void tr_sweep_output(const struct tr_http_answer *answer, struct tr_problem *p, struct tr_bytes *out)
{
	tr_problem_read(answer, p);
	if (p->kind == TR_PROBLEM_NONE && tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) == 0)
		tr_json_find_string(answer->body, out, "stdout", NULL);
}
