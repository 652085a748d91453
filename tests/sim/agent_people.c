/* SPDX-License-Identifier: Apache-2.0 */
/* Who prompts, cancels, answers, restarts: single calls, each answered once. */
#include "tests/sim/agent.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json.h"
#include "proto/text.h"
#include "tests/kit/world.h"

#define CROWD 40

struct visitor { bool busy; unsigned index, prompt; const char *action; struct tr_http_call *call; };
static struct visitor crowd[CROWD];

void crowd_begin(void)
{
	memset(crowd, 0, sizeof crowd);
}

static void on_answer(void *arg, const struct tr_failure *f, struct troupe_value output,
                      const struct tr_client_actor *actor)
{
	struct visitor *v = arg;
	char code[128] = "";

	(void)output, (void)actor;
	if (f)
		snprintf(code, sizeof code, "%.*s.%.*s", (int)f->group.size, f->group.data,
		         (int)f->code.size, f->code.data);
	sim_note("  visitor %u is answered: %s p%u %s", v->index, v->action, v->prompt, f ? code : "well");
	sim_expect(v->busy, "a visitor is answered twice");
	v->busy = false;
	sim.heard++;
	if (v->prompt)
		oracle_told(v->prompt, !f, code);
}

static void asks(unsigned house, const char *action, unsigned n, const char *reply, unsigned prompt)
{
	static const char *const keys[HOUSES] = { "a", "b" };
	struct tr_bytes args = { 0 };
	struct visitor *v = crowd;
	char json[96];

	while (v < crowd + CROWD && v->busy)
		v++;
	if (v == crowd + CROWD)
		return;
	*v = (struct visitor){ .busy = true, .index = (unsigned)(v - crowd), .prompt = prompt, .action = action };
	snprintf(json, sizeof json, "[{\"n\":%u,\"reply\":\"%s\"}]", n, reply);
	tr_json_decode(&args, tr_text_from(json), TR_JSON_PLAIN, 16, NULL);
	sim_note("visitor %u asks %s to %s %u %s", v->index, keys[house], action, n, reply);
	v->call = tr_core_action(sim.world.core, &(struct tr_action_request){
		.to = { .name = tr_text_from("house"), .key = tr_text_from(keys[house]), .create = true },
		.action = tr_text_from(action), .args = tr_bytes_value(&args) }, on_answer, v);
	tr_bytes_free(&args);
}

/* Prompts with odd numbers are for the second house. */
static void prompts_any(void)
{
	unsigned n = prompt_count + 1;

	if (prompt_count > 0 && sim_once_in(5))
		n = 1 + (unsigned)sim_below(prompt_count);
	if (n >= PROMPTS_MAX)
		return;
	if (n > prompt_count)
		prompt_count = n;
	asks(n % HOUSES, "prompt", n, "", n);
}

static void responds(unsigned n)
{
	static const char *const replies[] = { "once", "reject" };
	unsigned house = permissions[n].made ? (unsigned)sim_below(HOUSES) : 0;

	asks(house, "respond", n, replies[sim_below(2)], 0);
}

void crowd_step(void)
{
	uint64_t what = sim_below(40);

	if (what < 18)
		prompts_any();
	else if (what < 28 && permission_count > 0)
		responds(permission_count - (unsigned)sim_below(permission_count < 3 ? permission_count : 3));
	else if (what < 32)
		asks((unsigned)sim_below(HOUSES), "stop", 0, "", 0);
	else if (what < 35 && prompt_count > 0)
		asks((unsigned)sim_below(HOUSES), "stop", 1 + (unsigned)sim_below(prompt_count), "", 0);
	else if (what < 36)
		asks((unsigned)sim_below(HOUSES), "restart", 0, "", 0);
	else if (what < 38)
		asks((unsigned)sim_below(HOUSES), "sleep", 0, "", 0);
	else if (what == 38 && sim_once_in(4))
		asks((unsigned)sim_below(HOUSES), "destroy", 0, "", 0);
	else
		asks((unsigned)sim_below(HOUSES), "look", 0, "", 0);
}

void crowd_crash(void)
{
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i].busy = false;
}

void crowd_settle(void)
{
	for (unsigned h = 0; h < HOUSES; h++)
		asks(h, "look", 0, "", 0);
	for (unsigned n = 1; n <= permission_count; n++) {
		for (unsigned h = 0; h < HOUSES && permissions[n].made && !*permissions[n].reply; h++)
			asks(h, "respond", n, "once", 0);
	}
}

void crowd_prompts_all(void)
{
	for (unsigned h = 0; h < HOUSES; h++) {
		unsigned n = ++prompt_count;

		asks(n % HOUSES, "prompt", n, "", n);
	}
}

void crowd_settled(void)
{
	for (unsigned i = 0; i < CROWD; i++)
		sim_expect(!crowd[i].busy, "visitor %u waits for ever for %s p%u", i, crowd[i].action,
		           crowd[i].prompt);
}
