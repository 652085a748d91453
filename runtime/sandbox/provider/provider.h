/* SPDX-License-Identifier: Apache-2.0 */
/* Providers of sandboxes. A provider makes a sandbox, says where its sandbox-agent server is reached, starts that server again,
 * pauses and destroys. One struct of functions (spec/sandbox-agent.md 6); what is asked of it is an *errand*, whose answer comes
 * from the loop.
 *
 *	provider_fixed.c   a server that somebody else runs: a URL, or the server's own --sandbox. Nothing is made or destroyed
 *	provider_local.c   a sandbox-agent process of its own for each actor
 *	bridge.c           the official SDK's provider modules, under Node
 *
 * Sandboxes are named PROVIDER/RAW, as the SDK names them. */
#ifndef TR_SANDBOX_PROVIDER_H
#define TR_SANDBOX_PROVIDER_H

#include "runtime/base/limits.h"
#include "runtime/base/list.h"
#include "runtime/core/ports.h"
#include "runtime/sandbox/wire/http.h"

struct tr_provider;

struct tr_provider_answer {
	int         rc;      /* 0; TROUPE_ESANDBOXLOST: the sandbox is no more; TROUPE_ENOPROVIDER: the provider cannot work here;
	                        TROUPE_EPROVIDER: it failed; TROUPE_ENOAGENT */
	bool        unknown; /* create: it failed, and whether a sandbox was made is not known */
	const char *words;   /* why not, in a sentence; NULL: the code says it */
	const char *raw_id;  /* create */
	const char *url;     /* reach: http or https. Checked by who asks */
	const char *token;   /* reach; NULL: none */
	const char *cwd;     /* reach: where agents work in it; NULL: the provider does not care */
};

/* One thing that a provider is asked to do. */
struct tr_errand {
	struct tr_list      link; /* in provider->errands */
	struct tr_provider *provider;
	char               *raw_id; /* NULL: create, or a provider without ids */
	char               *seed;   /* create: names this one, for ever: [0-9a-z]+, at most 40 */
	void              (*on_end)(void *arg, const struct tr_provider_answer *answer); /* NULL: nobody listens */
	void               *arg;
	const struct tr_clock_ops *clock; /* its own: the provider may be gone while its answer is told */
	struct tr_timer    *timer;
	struct tr_provider_answer answer; /* texts are owned; set by tr_errand_end */
	bool                ended;
	void               *own;    /* the provider's, for its own use */
};

/* Each ends its errand with tr_errand_end, now or later. NULL: there is nothing to do, which is done well. */
struct tr_provider_ops {
	void (*create)(struct tr_provider *p, struct tr_errand *e);        /* NULL: it makes none */
	void (*reconnect)(struct tr_provider *p, struct tr_errand *e);     /* before anything else with one that was made in
	                                                                      another life */
	void (*ensure_server)(struct tr_provider *p, struct tr_errand *e); /* starts the sandbox-agent in it if it does not run */
	void (*reach)(struct tr_provider *p, struct tr_errand *e);
	void (*pause)(struct tr_provider *p, struct tr_errand *e);         /* reconnect and ensure_server bring it back. NULL: it
	                                                                      pauses none */
	void (*destroy)(struct tr_provider *p, struct tr_errand *e);       /* for good; of one that is no more: well */
	void (*kept)(struct tr_provider *p, const char *raw_id);           /* that create made it is recorded. May be NULL */
	struct tr_provider *(*free)(struct tr_provider *p);                /* takes NULL, returns NULL */
};

struct tr_provider {
	const struct tr_provider_ops *ops;
	struct tr_clock    clock;
	char               name[TR_PROVIDER_NAME_MAX];
	enum tr_http_reach reach;      /* where its URLs may lead */
	bool               repeatable; /* create for the same seed gives the same sandbox, whose raw id is the seed: none is ever
	                                  forgotten */
	struct tr_list     errands;
};

void tr_provider_init(struct tr_provider *p, const struct tr_provider_ops *ops, struct tr_clock clock, const char *name);
/* Errands that are under way end in silence. */
void tr_provider_fini(struct tr_provider *p);

/* Begins one. `run` is one of the provider's ops; NULL ends it well. Texts are copied. on_end comes once, from the loop, with an
 * answer that is lent; the errand is gone then. */
struct tr_errand *tr_errand_start(struct tr_provider *p, void (*run)(struct tr_provider *p, struct tr_errand *e),
                                  const char *raw_id, const char *seed,
                                  void (*on_end)(void *arg, const struct tr_provider_answer *answer), void *arg);
/* Nobody listens any more; what is being done goes on. Takes NULL, returns NULL. */
struct tr_errand *tr_errand_leave(struct tr_errand *e);

/* ---- for providers */

/* The answer is copied. Once for each errand. */
void tr_errand_end(struct tr_errand *e, const struct tr_provider_answer *answer);
void tr_errand_fail(struct tr_errand *e, int rc, const char *words);

/* ---- names */

/* Splits PROVIDER/RAW at the first '/', both parts not empty; RAW is lent. False: it is none. */
bool tr_sandbox_id_split(const char *id, char provider[TR_PROVIDER_NAME_MAX], const char **raw);

/* ---- provider_fixed.c */

/* Its ids are the URLs. private_ok: they may lead to any address. */
struct tr_provider *tr_provider_url_new(struct tr_clock clock, bool private_ok);

/* The server's own sandbox: its id is the URL that it had. locate says where it is, each time it is asked; false: nowhere. moves:
 * it is the same one wherever it is; else one with another URL is another, of which we know no token. */
struct tr_provider *tr_provider_own_new(struct tr_clock clock, enum tr_http_reach reach, bool moves,
                                        bool (*locate)(void *arg, const char **url, const char **token), void *arg);

/* ---- provider_local.c */

struct tr_local_options;
/* A process for each actor, in DATA/sandboxes/SEED. Adopts those that a predecessor of ours has left running. options->folder is
 * not used. The binary is looked for when it is first needed. */
struct tr_provider *tr_provider_local_new(const struct tr_local_options *options);
/* Once. Ends all of them, or leaves them to be adopted; on_stopped comes from the loop. */
void tr_provider_local_stop(struct tr_provider *p, bool keep, void (*on_stopped)(void *arg), void *arg);

#endif
