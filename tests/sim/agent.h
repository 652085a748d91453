/* SPDX-License-Identifier: Apache-2.0 */
/* The second world of the simulation: actors with one session each, a sandbox that they reach by HTTP, the
 * agents in it, and people who prompt. No loop and no socket: time and HTTP are handed in.
 *
 *	agent_run.c     one run: what may happen next; the process dies; faults stop
 *	agent_port.c    HTTP: requests that are on their way, answered, cut, timed out (wire/http.h)
 *	agent_server.c  the sandbox-agent server: instances, their streams, what each request means
 *	agent.c         the agents: what they do with what they hear
 *	agent_kind.c    the actors under test
 *	agent_people.c  who prompts, cancels, answers, restarts
 *	agent_model.c   the oracle: what is on disk, what agents said and heard, what people were told */
#ifndef TR_TESTS_SIM_AGENT_H
#define TR_TESTS_SIM_AGENT_H

#include "runtime/sandbox/wire/http.h"
#include "tests/sim/sim.h"

#define HOUSES 2 /* actors under test */
#define MARK   "\"mark\":"

/* ---- what agents say (agent_server.c keeps it) */

struct line {
	char    *json;
	unsigned instance;
	uint64_t sid;      /* of the stream, from 1 */
	bool     response;
	bool     unlogged; /* no log has it: of initialize, or told again by a load */
	bool     logged;
	unsigned life;     /* in which life of its actor it was logged */
	bool     gap;      /* the log says that it is gone */
};

struct instance {
	char      id[130], actor[31];
	int64_t   created;
	bool      removed, dead, exited;
	uint64_t  lines[2000], count;  /* marks, by sid - 1 */
	uint64_t  last_logged;
	bool      cut_off;             /* the log says that the rest is gone */
	char      session[40];
	/* what its agent is about */
	struct { char id[80]; char method[40]; } asked[16]; /* requests that it has not answered yet */
	unsigned  asked_count;
	char      prompt_id[80];       /* running; "": none */
	unsigned  prompt;
	bool      cancelled;
	unsigned  permission;          /* that it waits for; 0: none */
	uint64_t  asked_in;            /* the line that asks for it */
};

#define INSTANCES_MAX 400
extern struct instance *instances[INSTANCES_MAX];
extern unsigned instance_count;
struct line *line_at(uint64_t mark); /* NULL: nobody said that */

/* ---- agent_port.c */
struct tr_http_port port(void);
void port_begin(void);
void port_end(void);
void port_step(void);      /* one thing happens on the way */
bool port_flow(void);      /* without any fault. False: nothing is left to happen */
void port_cut(bool streams_only);  /* connections break */
void port_crash(void);     /* who asked is gone */
/* For the server. */
struct request;
const char *request_method(const struct request *r);
const char *request_path(const struct request *r);   /* behind the server's name */
const char *request_body(const struct request *r);
void request_answer(struct request *r, int status, const char *body); /* will be told */
void request_hold(struct request *r, unsigned instance, const char *raw_id);
void request_stream(struct request *r, unsigned instance);
uint64_t request_last_id(const struct request *r);
void port_answer_held(unsigned instance, const char *raw_id, const char *json);
void port_end_streams(unsigned instance);

/* ---- agent_server.c */
void server_begin(void);
void server_end(void);
void server_hears(struct request *r);
void server_restarts(void);
extern unsigned server_ring; /* lines that it keeps of each instance */
/* A line of the agent; marks stand where %s is. */
uint64_t say_line(struct instance *i, bool response, bool unlogged, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
uint64_t next_mark(void);

/* ---- agent.c */
void agent_hears(struct instance *i, const char *method, const char *raw_id, const char *body);
void agent_step(void);
bool agent_flow(void);     /* it does what is left to be done */
void agent_exits(struct instance *i);

/* ---- agent_kind.c */
extern const struct troupe_kind *const house_kinds[];

/* ---- agent_people.c */
void crowd_begin(void);
void crowd_step(void);
void crowd_crash(void);
void crowd_settle(void);   /* whoever is asked for permission answers; the actors are woken */
void crowd_prompts_all(void);
void crowd_settled(void);

/* ---- agent_model.c */
#define PROMPTS_MAX     600
#define PERMISSIONS_MAX 600
enum end { OPEN, DONE_WELL, HAS_FAILED, WAS_CANCELLED };

/* One prompt in one actor. */
struct life {
	char     actor[31];
	bool     gone;      /* the actor was destroyed */
	bool     queued, running, cancelling;
	enum end end;
	unsigned runs;      /* how often an agent was asked for it */
};
struct promptly { struct life lives[8]; unsigned count; };
struct permission { bool made; const struct instance *asker; char id[40], reply[16], actor[31];
                   bool answered; };

extern unsigned oracle_lives_count; /* how often anybody woke */
extern struct promptly prompts[PROMPTS_MAX];
extern struct permission permissions[PERMISSIONS_MAX];
extern unsigned prompt_count, permission_count;

void oracle_begin(void);
void oracle_commit(const struct tr_batch *batch);
void oracle_sends(const char *actor, const char *body);  /* a POST to the agent of this actor leaves us */
void oracle_runs(const char *actor, unsigned prompt);    /* an agent has heard the prompt */
void oracle_cancels(const char *actor, unsigned prompt); /* an agent stops what it runs */
void oracle_permits(unsigned permission, const char *reply);
void oracle_told(unsigned prompt, bool well, const char *code);
void oracle_settled(void);
bool oracle_lives(const char *actor);
unsigned prompt_in(const char *json); /* the newest "run pN." in it; 0: none */

/* ---- agent_run.c */
void agents_run(uint64_t seed, unsigned steps, bool (*keep)(unsigned step));

#endif
