/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/wire/sweep_script.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/acp.h"
#include "proto/json.h"
#include "runtime/base/limits.h"
#include "runtime/base/mem.h"

/* What scripts begin with. $all: what /proc tells of each process, PID:START:PARENT:GROUP:SESSION; $me: the server, PID:START.
 * below: adds to $in whatever is below what is in it, or in a group or session that one of them leads. A process may have given
 * itself a name with anything in it. */
#define ALL \
	"all=' '; for d in /proc/[0-9]*; do s=; { while IFS= read -r l; do s=\"$s $l\"; done < $d/stat; } 2>/dev/null\n" \
	"set -- ${s##*) }; [ $# -ge 20 ] && [ \"$1\" != Z ] && all=\"$all${d#/proc/}:${20}:$2:$3:$4 \"\n" \
	"[ ${d#/proc/} = $PPID ] && me=$PPID:${20}; done\n" \
	"below() { more=1; while [ $more ]; do more=; for e in $all; do p=${e%%:*}; r=${e#*:*:}; g=${r#*:}\n" \
	"case $in in *\" $p \"*) ;; *\" ${r%%:*} \"*|*\" ${g%:*} \"*|*\" ${g#*:} \"*) in=\"$in$p \"; more=1;; esac; done; done; }\n" \
	"start() { start=${all#*\" $1:\"}; start=${start%%:*}; }\n" \
	"pipe() { pipe=$(readlink /proc/$1/fd/0); case $pipe in pipe:*) pipe=${pipe#pipe:?}; pipe=${pipe%?};; *) return 1;; esac; }\n" \
	"is_child() { r=${e#*:*:}; [ ${r%%:*} = $PPID ] && [ $p != $$ ] && pipe $p; }\n"

/* Given when an instance was made and a family, which may be empty: prints it as it is now. Nothing if its server is another. */
static const char family_script[] =
	"made=$1; shift; was=$*\n" ALL
	"s=${was%% *}; [ \"${s:-$me}\" = $me ] || exit 0\n"
	"say() { case \"$said\" in *\" $1 \"*) ;; *) said=\"$said $1 \"; echo $1;; esac; }\n"
	"read up r < /proc/uptime; h=$(getconf CLK_TCK 2>/dev/null); zero=$(($(date +%s) * 1000 + 500 - ${up%.*}${up#*.} * 10))\n"
	"say $me; for e in $all; do p=${e%%:*}; is_child || continue; start $p; age=$((zero + start * 1000 / ${h:-100} - made))\n"
	"case \" $was \" in *\" $p:$start:\"*) age=0;; esac\n"
	"[ $age -gt -1500 ] && [ $age -lt 1500 ] || { say $p:$start; continue; }\n"
	"in=\" $p \"; below; for p in $in; do start $p; say $p:$start:$pipe; done; done\n"
	"for k in $was; do case $k in *:*:*) case $all in *\" ${k%:*}:\"*) say $k;; esac;; esac; done\n";

/* Given a family, which may be empty: signals what is left behind and all that is below it, and prints that, as a family does. Left
 * behind are children of the server that nobody writes to any more; of the family what was below an adapter that nobody writes
 * to any more; and all of it if its server is no more. A server that is process 1 is the parent of whatever has lost its
 * own, so there only those of the family are known to be agents. */
static const char sweep_script[] =
	"sig=$1; shift; was=$*\n" ALL
	"held=$(ls -l /proc/$PPID/fd); s=${was%% *}; was=${was#\"$s\"}; in=' '\n"
	"for k in $was; do case $k in *:*:*) i=${k##*:}; k=${k%:*};; *) i=;; esac; case $all in *\" $k:\"*) ;; *) continue;; esac\n"
	"if [ $s = $me ]; then [ $i ] || continue; case $held in *\"pipe:[$i]\"*) continue;; esac; fi; in=\"$in${k%:*} \"; done\n"
	"[ $PPID = 1 ] || for e in $all; do p=${e%%:*}; is_child || continue\n"
	"case $held$in in *\"pipe:[$pipe]\"* | *\" $p \"*) ;; *) in=\"$in$p \";; esac; done\n"
	"below; for p in $in; do start $p; echo $p:$start:0; kill -$sig $p; done\n";

const struct tr_sweep_step tr_sweep_steps[TR_SWEEP_STEPS] = {
	{ "TERM", TR_SWEEP_TERM_MS }, { "TERM", TR_SWEEP_KILL_MS }, { "KILL", 0 },
};

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

/* `sh -c script sh first LINES...` */
static void put_run(struct tr_bytes *body, const char *script, const char *first, const char *lines)
{
	tr_bytes_put_text(body, "{\"command\":\"sh\",\"args\":[\"-c\"");
	put_argument(body, script, strlen(script));
	put_argument(body, "sh", 2);
	put_argument(body, first, strlen(first));
	while (*lines) {
		size_t size = strcspn(lines, "\n");

		put_argument(body, lines, size);
		lines += size + (lines[size] == '\n');
	}
	tr_bytes_put_text(body, "],\"timeoutMs\":10000}");
}

void tr_sweep_family(struct tr_bytes *body, int64_t created_ms, const char *family)
{
	char made[24];

	snprintf(made, sizeof made, "%" PRId64, created_ms);
	put_run(body, family_script, made, family);
}

void tr_sweep_left(struct tr_bytes *body, const char *signal, const char *family)
{
	put_run(body, sweep_script, signal, family);
}

bool tr_sweep_is_family(const struct tr_bytes *b)
{
	for (size_t i = 0; i < b->size; i++) {
		if ((b->data[i] < '0' || b->data[i] > '9') && b->data[i] != ':' && b->data[i] != '\n')
			return false;
	}
	return b->size > 0 && b->size <= TR_FAMILY_BYTES_MAX;
}

/* One line at least must stand before them, in the place of the server's. */
void tr_sweep_add(struct tr_bytes *family, const struct tr_bytes *lines)
{
	if (!tr_sweep_is_family(lines) || family->size + lines->size + 4 > TR_FAMILY_BYTES_MAX)
		return;
	if (family->size == 0)
		tr_bytes_put_text(family, "0:0\n");
	tr_bytes_put(family, lines->data, lines->size);
}

void tr_sweep_output(const struct tr_http_answer *answer, struct tr_problem *p, struct tr_bytes *out)
{
	tr_problem_read(answer, p);
	if (p->kind == TR_PROBLEM_NONE && tr_json_check(answer->body, TR_JSON_KEPT_DEPTH, NULL) == 0)
		tr_json_find_string(answer->body, out, "stdout", NULL);
}
