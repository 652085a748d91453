/* SPDX-License-Identifier: Apache-2.0 */
/* The agents: each answers its requests when the seed lets it, streams, asks, obeys a cancel, dies. */
#include "tests/sim/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const bool gossip = false; /* updates outside of turns */

static unsigned number_of(const struct instance *i)
{
	return line_at(i->lines[i->count - 1])->instance;
}

/* ------------------------------------------------------------------ what it hears */

static void hears_reply(const struct instance *i, const char *raw_id, const char *body)
{
	unsigned n = (unsigned)strtoul(strncmp(raw_id, "\"perm", 5) == 0 ? raw_id + 5 : "0", NULL, 10);
	const char *reply = strstr(body, "\"optionId\":\"yes\"") ? "once"
	                    : strstr(body, "\"optionId\":\"no\"") ? "reject" : "cancelled";

	sim_expect(n > 0 && strstr(body, "\"outcome\""), "an agent hears a reply to nothing: %.100s", body);
	sim_note("    an agent hears: permission %u is %s", n, reply);
	sim_expect(permissions[n].asker == i, "permission %u is told to an agent that never asked", n);
	oracle_permits(n, reply);
	for (unsigned k = 0; k < instance_count; k++) {
		if (instances[k]->permission == n)
			instances[k]->permission = 0;
	}
}

void agent_hears(struct instance *i, const char *method, const char *raw_id, const char *body)
{
	if (!*method) {
		hears_reply(i, raw_id, body);
	} else if (strstr(method, "session/cancel")) {
		if (*i->prompt_id) {
			oracle_cancels(i->actor, i->prompt);
			i->cancelled = true;
		}
	} else if (strstr(method, "session/prompt")) {
		unsigned n = prompt_in(body);

		sim_expect(!*i->prompt_id, "p%u is sent to an agent that runs p%u", n, i->prompt);
		sim_expect(*i->session && strstr(body, i->session),
		           "p%u is for a session that there is not", n);
		sim_note("    an agent runs p%u", n);
		oracle_runs(i->actor, n);
		i->prompt = n;
		i->cancelled = false;
		snprintf(i->prompt_id, sizeof i->prompt_id, "%s", raw_id);
	} else if (*raw_id) {
		const char *session = strstr(method, "session/load") ? strstr(body,
		                                                              "\"sessionId\":\"") : NULL;

		sim_expect(i->asked_count < 16, "an agent is asked too much");
		if (session)
			snprintf(i->session, sizeof i->session, "%.*s", (int)strcspn(session + 13, "\""),
			         session + 13);
		snprintf(i->asked[i->asked_count].id, sizeof i->asked[0].id, "%s", raw_id);
		snprintf(i->asked[i->asked_count].method, sizeof i->asked[0].method, "%.39s", method);
		i->asked_count++;
	}
}

/* ------------------------------------------------------------------ what it says */

static void responds(struct instance *i, const char *raw_id, bool unlogged, const char *result)
{
	uint64_t mark = say_line(i, true, unlogged, "{\"id\":%s,\"jsonrpc\":\"2.0\",%s," MARK "%llu}}",
	                         raw_id, result,
	                         (unsigned long long)next_mark());

	port_answer_held(number_of(i), raw_id, line_at(mark)->json);
}

static void updates(struct instance *i, bool unlogged)
{
	say_line(i, false, unlogged,
	         "{\"jsonrpc\":\"2.0\",\"method\":\"session/update\",\"params\":{\"sessionId\":\"%s\","
	         "\"update\":{\"content\":{\"text\":\"word\",\"type\":\"text\"},\"sessionUpdate\":"
	         "\"agent_message_chunk\"}," MARK "%llu}}", i->session, (unsigned long long)next_mark());
}

static void answers(struct instance *i)
{
	char method[40], id[80], result[200];

	snprintf(method, sizeof method, "%s", i->asked[0].method);
	snprintf(id, sizeof id, "%s", i->asked[0].id);
	memmove(i->asked, i->asked + 1, --i->asked_count * sizeof *i->asked);
	if (strstr(method, "initialize")) {
		snprintf(result, sizeof result,
		         "\"result\":{\"agentCapabilities\":{\"loadSession\":%s},\"authMethods\":[],"
		         "\"protocolVersion\":1", sim.seed % 2 ? "true" : "false");
		responds(i, id, true, result);
	} else if (strstr(method, "session/new")) {
		snprintf(i->session, sizeof i->session, "sess-%lld", (long long)i->created);
		snprintf(result, sizeof result, "\"result\":{\"sessionId\":\"%s\"", i->session);
		responds(i, id, false, result);
	} else if (strstr(method, "session/load")) {
		if (sim_once_in(4)) {
			responds(i, id, false, "\"error\":{\"code\":-32002,\"message\":\"no such session\"");
			return;
		}
		updates(i, true);
		responds(i, id, false, "\"result\":{\"loaded\":true");
	} else {
		responds(i, id, false, "\"result\":{\"done\":true");
	}
}

static void asks_permission(struct instance *i)
{
	unsigned n = ++permission_count;

	sim_expect(n < PERMISSIONS_MAX, "agents ask too much");
	i->permission = n;
	permissions[n].asker = i;
	i->asked_in = say_line(i, false, false,
	                       "{\"id\":\"perm%u\",\"jsonrpc\":\"2.0\","
	                       "\"method\":\"session/request_permission\",\"params\":{\"sessionId\":\"%s\","
	                       "\"toolCall\":{\"toolCallId\":\"tool%u.\",\"title\":\"it\"},\"options\":["
	                       "{\"optionId\":\"yes\",\"name\":\"y\",\"kind\":\"allow_once\"},"
	                       "{\"optionId\":\"no\",\"name\":\"n\",\"kind\":\"reject_once\"}],"
	                       MARK "%llu}}", n, i->session, n, (unsigned long long)next_mark());
}

static void ends_turn(struct instance *i)
{
	char id[80], result[64];

	snprintf(id, sizeof id, "%s", i->prompt_id);
	snprintf(result, sizeof result, "\"result\":{\"stopReason\":\"%s\"", i->cancelled ? "cancelled"
	         : "end_turn");
	i->prompt_id[0] = 0;
	i->permission = 0;
	if (!sim.settling && sim_once_in(12))
		responds(i, id, false, "\"error\":{\"code\":-32603,\"message\":\"it went wrong\"");
	else
		responds(i, id, false, result);
}

void agent_exits(struct instance *i)
{
	if (i->exited)
		return;
	i->dead = i->exited = true;
	say_line(i, false, false,
	         "{\"jsonrpc\":\"2.0\",\"method\":\"_adapter/agent_exited\",\"params\":{\"code\":3,"
	         "\"success\":false," MARK "%llu}}", (unsigned long long)next_mark());
}

/* ------------------------------------------------------------------ what it does */

static void does(struct instance *i)
{
	if (i->asked_count > 0) {
		answers(i);
	} else if (!*i->prompt_id) {
		if (gossip && *i->session && sim_once_in(6))
			updates(i, false);
	} else if (sim_once_in(30)) {
		sim_note("  an agent dies");
		agent_exits(i);
	} else if (sim_once_in(i->cancelled ? 2 : 6) && (!i->permission || i->cancelled)) {
		ends_turn(i);
	} else if (!i->permission && !i->cancelled && sim_once_in(6)) {
		asks_permission(i);
	} else {
		for (uint64_t n = sim_once_in(10) ? 30 : 1 + sim_below(3); n > 0; n--)
			updates(i, false);
	}
}

void agent_step(void)
{
	unsigned alive = 0, pick;

	for (unsigned i = 0; i < instance_count; i++)
		alive += !instances[i]->dead;
	if (alive == 0)
		return;
	pick = (unsigned)sim_below(alive);
	for (unsigned i = 0; i < instance_count; i++) {
		if (!instances[i]->dead && pick-- == 0) {
			does(instances[i]);
			return;
		}
	}
}

bool agent_flow(void)
{
	for (unsigned n = 0; n < instance_count; n++) {
		struct instance *i = instances[n];

		if (i->dead)
			continue;
		if (i->asked_count > 0)
			answers(i);
		else if (*i->prompt_id && (!i->permission || i->cancelled || line_at(i->asked_in)->gap))
			ends_turn(i);
		else
			continue;
		return true;
	}
	return false;
}
