/* SPDX-License-Identifier: Apache-2.0 */
/* Errands: each has a timer, by which its answer comes from the loop even if the provider knew it at once. */
#include "runtime/sandbox/provider/provider.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"

void tr_provider_init(struct tr_provider *p, const struct tr_provider_ops *ops, struct tr_clock clock, const char *name)
{
	assert(strlen(name) < sizeof p->name);
	p->ops = ops;
	p->clock = clock;
	strcpy(p->name, name);
	tr_list_init(&p->errands);
}

static void errand_free(struct tr_errand *e)
{
	struct tr_provider_answer *a = &e->answer;

	tr_list_remove(&e->link);
	e->timer = e->clock->timer_free(e->timer);
	free(e->raw_id);
	free(e->seed);
	free((char *)(uintptr_t)a->words);
	free((char *)(uintptr_t)a->raw_id);
	free((char *)(uintptr_t)a->url);
	free((char *)(uintptr_t)a->token);
	free((char *)(uintptr_t)a->cwd);
	free(e);
}

void tr_provider_fini(struct tr_provider *p)
{
	struct tr_list *first;

	while ((first = tr_list_first(&p->errands)))
		errand_free(tr_container(first, struct tr_errand, link));
}

static void on_time(void *arg)
{
	struct tr_errand *e = arg;

	tr_list_remove(&e->link); /* it is nobody's while its answer is told: that may free the provider */
	tr_list_init(&e->link);
	if (e->on_end)
		e->on_end(e->arg, &e->answer);
	errand_free(e);
}

struct tr_errand *tr_errand_start(struct tr_provider *p, void (*run)(struct tr_provider *p, struct tr_errand *e),
                                  const char *raw_id, const char *seed,
                                  void (*on_end)(void *arg, const struct tr_provider_answer *answer), void *arg)
{
	struct tr_errand *e = tr_alloc(sizeof *e);

	e->provider = p;
	e->raw_id = tr_strdup(raw_id);
	e->seed = tr_strdup(seed);
	e->on_end = on_end;
	e->arg = arg;
	e->clock = p->clock.ops;
	e->timer = e->clock->timer_new(p->clock.ctx, on_time, e);
	tr_list_push(&p->errands, &e->link);
	if (run)
		run(p, e);
	else
		tr_errand_end(e, &(struct tr_provider_answer){ 0 });
	return e;
}

struct tr_errand *tr_errand_leave(struct tr_errand *e)
{
	if (e)
		e->on_end = NULL;
	return NULL;
}

void tr_errand_end(struct tr_errand *e, const struct tr_provider_answer *answer)
{
	assert(!e->ended);
	e->ended = true;
	e->answer = (struct tr_provider_answer){
		.rc = answer->rc, .unknown = answer->unknown, .words = tr_strdup(answer->words),
		.raw_id = tr_strdup(answer->raw_id), .url = tr_strdup(answer->url), .token = tr_strdup(answer->token),
		.cwd = tr_strdup(answer->cwd),
	};
	e->clock->timer_set(e->timer, 0);
}

void tr_errand_fail(struct tr_errand *e, int rc, const char *words)
{
	tr_errand_end(e, &(struct tr_provider_answer){ .rc = rc, .words = words });
}

bool tr_sandbox_id_split(const char *id, char provider[TR_PROVIDER_NAME_MAX], const char **raw)
{
	size_t size = strcspn(id, "/");

	if (size == 0 || size >= TR_PROVIDER_NAME_MAX || !id[size] || !id[size + 1])
		return false;
	memcpy(provider, id, size);
	provider[size] = '\0';
	*raw = id + size + 1;
	return true;
}
