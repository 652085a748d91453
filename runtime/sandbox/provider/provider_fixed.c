/* SPDX-License-Identifier: Apache-2.0 */
/* Sandbox-agent servers that somebody else runs, or that are shared: nothing is made for an actor, nothing is destroyed with it. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/sandbox/provider/provider.h"
#include "runtime/troupe.h"

struct own {
	struct tr_provider base;
	bool               moves;
	bool             (*locate)(void *arg, const char **url, const char **token);
	void              *arg;
};

static struct tr_provider *fixed_free(struct tr_provider *p)
{
	if (p)
		tr_provider_fini(p);
	free(p); /* it is the first member of what was allocated */
	return NULL;
}

static void url_reach(struct tr_provider *p, struct tr_errand *e)
{
	(void)p;
	tr_errand_end(e, &(struct tr_provider_answer){ .url = e->raw_id });
}

static const struct tr_provider_ops url_ops = { .reach = url_reach, .free = fixed_free };

struct tr_provider *tr_provider_url_new(struct tr_clock clock, bool private_ok)
{
	struct tr_provider *p = tr_alloc(sizeof *p);

	tr_provider_init(p, &url_ops, clock, "url");
	p->reach = private_ok ? TR_HTTP_ANYWHERE : TR_HTTP_PUBLIC;
	return p;
}

static void own_reach(struct tr_provider *p, struct tr_errand *e)
{
	struct own *own = tr_container(p, struct own, base);
	struct tr_provider_answer answer = { 0 };

	bool there = own->locate(own->arg, &answer.url, &answer.token);

	if (!own->moves && (!there || strcmp(answer.url, e->raw_id) != 0))
		tr_errand_end(e, &(struct tr_provider_answer){ .url = e->raw_id });
	else if (there)
		tr_errand_end(e, &answer);
	else
		tr_errand_fail(e, TROUPE_ESANDBOX, "This server has no sandbox of its own.");
}

static const struct tr_provider_ops own_ops = { .reach = own_reach, .free = fixed_free };

struct tr_provider *tr_provider_own_new(struct tr_clock clock, enum tr_http_reach reach, bool moves,
                                        bool (*locate)(void *arg, const char **url, const char **token), void *arg)
{
	struct own *own = tr_alloc(sizeof *own);

	tr_provider_init(&own->base, &own_ops, clock, "shared");
	own->base.reach = reach;
	own->moves = moves;
	own->locate = locate;
	own->arg = arg;
	return &own->base;
}
