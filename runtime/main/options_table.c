/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `troupe serve`, in the order in which the help tells them. */
#include <string.h>

#include "runtime/main/options_table.h"

/* Where a value goes. A member of another type does not compile. */
#define AT(member, type) .at = _Generic(&((struct tr_options *)0)->member, type: offsetof(struct tr_options, member))
#define TEXT(member)     .is = TR_OPTION_TEXT, AT(member, const char **)
#define FLAG(member)     .is = TR_OPTION_FLAG, AT(member, bool *)
#define LIST(member)     .is = TR_OPTION_LIST, AT(member, const char *(*)[TR_OPTIONS_SEVERAL_MAX + 1])

const struct tr_option tr_options_table[] = {
	{ .help = "Where" },
	{ .name = "listen", .value = "HOST:PORT", .example = "127.0.0.1:6420", .set = tr_options_set_listen,
	  .help = "Address to serve on (127.0.0.1:6420). IPv6 is written\n"
		  "[::1]:6420. With port 0 the system chooses one." },
	{ .name = "data", .value = "DIR", .example = "./data", TEXT(data),
	  .help = "Where everything is kept (./data). Made when missing." },

	{ .help = "Agents" },
	{ .name = "sandbox", .value = "WHERE", .example = "local", TEXT(sandbox), .check = tr_options_check_sandbox,
	  .help = "Where coding agents run: local starts a sandbox-agent\n"
		  "on this machine, a URL uses one that runs already,\n"
		  "none does without (local)." },
	{ .name = "provider", .value = "NAME", .example = "local",
	  LIST(providers), .several = offsetof(struct tr_options, providers_text),
	  .check = tr_options_check_provider,
	  .help = "Who makes a sandbox for each actor, and destroys it with\n"
		  "the actor: local is a sandbox-agent process of its own;\n"
		  "daytona, e2b, docker, vercel, modal, cloudflare,\n"
		  "computesdk and sprites are the sandbox-agent SDK's, run\n"
		  "under Node. May be given several times: the first is for\n"
		  "actors that choose none, people may choose among all.\n"
		  "url lets people name the address of a sandbox-agent." },
	{ .name = "provider-options", .value = "FILE", .example = "providers.json", TEXT(provider_options),
	  .help = "What providers are given: a JSON object with an object\n"
		  "for each, by name. \"module\" in one names a module of\n"
		  "your own. Keys and tokens go into the environment." },
	{ .name = "provider-modules", .value = "DIR", .example = "/srv/providers", TEXT(provider_modules),
	  .help = "Where npm has installed sandbox-agent and what those\n"
		  "providers need, like @daytonaio/sdk (.)." },
	{ .name = "allow-private-sandboxes", .example = "1", FLAG(private_sandboxes),
	  .help = "Addresses of sandboxes that actors, people or providers\n"
		  "name may lead to this machine and to private networks." },
	{ .name = "agent", .value = "NAME", .example = "claude", TEXT(agent), .check = tr_options_check_agent,
	  .help = "The agent for sessions that name none: claude, codex,\n"
		  "opencode, amp, pi, cursor, or mock, a demonstration\n"
		  "that needs no account (mock)." },
	{ .name = "cwd", .value = "DIR", .example = "/home/me/project", TEXT(cwd),
	  .help = "Directory that agents work in (work, in the data\n"
		  "directory)." },
	{ .name = "sandbox-agent", .value = "PATH", .example = "/usr/local/bin/sandbox-agent", TEXT(sandbox_agent),
	  .help = "The sandbox-agent program for --sandbox local\n"
		  "(searched for)." },
	{ .name = "sandbox-token", .value = "T", .example = "$(cat token)", .secret = true,
	  TEXT(sandbox_token), .check = tr_options_check_token,
	  .help = "Token of the sandbox-agent at --sandbox URL." },
	{ .name = "sandbox-ca", .value = "FILE", .example = "/etc/ssl/ours.pem", TEXT(sandbox_ca),
	  .help = "Certificates (PEM) of authorities that vouch for\n"
		  "sandboxes, beside the system's. One file; it may\n"
		  "hold several." },
	{ .name = "permission-time", .value = "SECONDS", .example = "600", .set = tr_options_set_permission_time,
	  .help = "For people to answer what an agent asks; then it is\n"
		  "rejected (0: for ever)." },
	{ .name = "agent-on-sleep", .value = "WHAT", .example = "dispose", .set = tr_options_set_agent_on_sleep,
	  .help = "When an actor sleeps, its agent goes on (keep); or\n"
		  "is ended, and another made at the next wake\n"
		  "(dispose); or stands still with its sandbox, where\n"
		  "that is the actor's own and can be paused (pause)." },
	{ .name = "auto-approve", .value = "KINDS", .example = "read,search", TEXT(auto_approve), .check = tr_options_check_kinds,
	  .help = "Kinds of tools that agents may use without asking\n"
		  "people: read, edit, delete, move, search, execute,\n"
		  "think, fetch, switch_mode, other, with commas between\n"
		  "them, or * (none). It is the agent that says of what\n"
		  "kind a tool is." },

	{ .help = "Who may come in" },
	{ .name = "token", .value = "T", .example = "$(openssl rand -hex 24)", .secret = true,
	  TEXT(token), .check = tr_options_check_token,
	  .help = "Token that clients must show (none)." },
	{ .name = "observer-token", .value = "T", .example = "$(openssl rand -hex 24)", .secret = true,
	  TEXT(observer_token), .check = tr_options_check_token,
	  .help = "Another one, for those who may only watch (none)." },
	{ .name = "allow-origin", .value = "SITE", .example = "https://app.example.com",
	  LIST(origins), .several = offsetof(struct tr_options, origins_text), .check = tr_options_check_origin,
	  .help = "Web site whose pages may use this server, besides\n"
		  "those of this machine, like https://app.example.com;\n"
		  "* stands for all. May be given several times." },
	{ .name = "trust-proxy", .value = "ADDRESS", .example = "127.0.0.1", .set = tr_options_set_proxy,
	  .help = "Reverse proxy that is believed whose requests it\n"
		  "passes on (X-Forwarded-For and X-Forwarded-Proto)." },
	{ .name = "insecure", .example = "1", FLAG(insecure),
	  .help = "Serve other machines without a token." },

	{ .help = "Running" },
	{ .name = "message-size", .value = "BYTES", .example = "1M", .set = tr_options_set_message_size,
	  .help = "Of one message from a client, from 64k to 4M (64k, as on\n"
		  "Rivet). Prompts with pictures want more." },
	{ .name = "log-level", .value = "LEVEL", .example = "info", .set = tr_options_set_log_level,
	  .help = "error, warn, info or debug (info)." },
	{ .name = "log-format", .value = "FORMAT", .example = "human", .set = tr_options_set_log_format,
	  .help = "human or json (human)." },
	{ .name = "show-errors", .example = "1", FLAG(show_errors),
	  .help = "Tell clients what internal errors say, which else only\n"
		  "the log does. For development." },
	{ .name = "no-supervise", .example = "1", FLAG(no_supervise),
	  .help = "Run the server alone, without the supervisor that keeps\n"
		  "the socket open and starts it again when it dies." },
	{ 0 }
};
_Static_assert(sizeof tr_options_table / sizeof *tr_options_table <= TR_OPTIONS_ROWS_MAX, "there are more rows than given[] holds");

const struct tr_option *tr_options_find(const char *name, size_t size)
{
	for (const struct tr_option *o = tr_options_table; o->help; o++) {
		if (o->name && strlen(o->name) == size && !memcmp(o->name, name, size))
			return o;
	}
	return NULL;
}
