/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox-agent process for each actor, in DATA/sandboxes/NAME; the name is the raw id. Each is a tr_local of its own:
 * supervised, restarted on its port, adopted after our death.
 *
 * Those that a predecessor left running are adopted at once, wanted or not: who looks after none of them could not end
 * them. Those that slept with their server are started again when their actor asks for them. So what this costs is what runs,
 * and not what exists. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/provider/local.h"
#include "runtime/sandbox/provider/provider.h"
#include "runtime/troupe.h"

#define BELOW "sandboxes"

struct boxes;

struct box {
	struct tr_list    link;
	struct boxes     *boxes;
	struct tr_local  *local;
	struct tr_errand *ending;  /* to be answered when it has stopped; NULL: nobody waits */
	bool              stops, removes;
	char              name[TR_LOCAL_NAME_MAX];
};

struct boxes {
	struct tr_provider base;
	struct event_base *loop;
	char              *data_dir, *binary;
	struct tr_list     list; /* what runs, or is being ended */
	size_t             count;
	bool               stopping, told;
	void             (*on_stopped)(void *arg);
	void              *arg;
	struct tr_timer   *stopped;
};

static struct boxes *boxes_of(struct tr_provider *p)
{
	return tr_container(p, struct boxes, base);
}

static struct box *find(struct boxes *b, const char *name)
{
	for (struct tr_list *at = b->list.next; at != &b->list; at = at->next) {
		struct box *box = tr_container(at, struct box, link);

		if (strcmp(box->name, name) == 0)
			return box;
	}
	return NULL;
}

/* It becomes a path: nothing but what we make ourselves. */
static bool name_is_ours(const char *name)
{
	size_t size = strlen(name);

	return size > 0 && size < TR_LOCAL_NAME_MAX && strspn(name, "0123456789abcdefghijklmnopqrstuvwxyz") == size;
}

static void folder_of(const char *name, char into[TR_LOCAL_NAME_MAX + sizeof BELOW])
{
	snprintf(into, TR_LOCAL_NAME_MAX + sizeof BELOW, BELOW "/%s", name);
}

/* 0, or why not. */
static int start(struct boxes *b, const char *name, struct box **ret)
{
	char path[PATH_MAX], folder[TR_LOCAL_NAME_MAX + sizeof BELOW];
	struct box *box = tr_alloc(sizeof *box);
	int rc;

	snprintf(path, sizeof path, "%s/" BELOW, b->data_dir);
	mkdir(path, 0700); /* it may be there; what else is wrong shows next */
	folder_of(name, folder);
	box->boxes = b;
	snprintf(box->name, sizeof box->name, "%s", name);
	rc = tr_local_new(&box->local, &(struct tr_local_options){
		.base = b->loop, .clock = b->base.clock, .data_dir = b->data_dir, .folder = folder, .binary = b->binary });
	if (rc < 0) {
		free(box);
		return rc;
	}
	tr_list_push(&b->list, &box->link);
	b->count++;
	*ret = box;
	return 0;
}

/* ------------------------------------------------------------------ ending */

static void all_stopped(struct boxes *b)
{
	if (!b->stopping || b->told || b->count > 0)
		return;
	b->told = true;
	b->base.clock.ops->timer_set(b->stopped, 0);
}

static void on_box_stopped(void *arg)
{
	struct box *box = arg;
	struct boxes *b = box->boxes;
	char folder[TR_LOCAL_NAME_MAX + sizeof BELOW];

	tr_list_remove(&box->link);
	b->count--;
	tr_local_free(box->local);
	folder_of(box->name, folder);
	if (box->removes)
		tr_local_remove(b->data_dir, folder);
	if (box->ending)
		tr_errand_end(box->ending, &(struct tr_provider_answer){ 0 });
	free(box);
	all_stopped(b);
}

static void stop(struct box *box, bool keep)
{
	if (box->stops)
		return;
	box->stops = true;
	tr_local_stop(box->local, keep, on_box_stopped, box);
}

static void on_all_stopped(void *arg)
{
	struct boxes *b = arg;

	b->on_stopped(b->arg);
}

void tr_provider_local_stop(struct tr_provider *p, bool keep, void (*on_stopped)(void *arg), void *arg)
{
	struct boxes *b = boxes_of(p);

	b->stopping = true;
	b->on_stopped = on_stopped;
	b->arg = arg;
	for (struct tr_list *at = b->list.next; at != &b->list; at = at->next)
		stop(tr_container(at, struct box, link), keep);
	all_stopped(b);
}

/* ------------------------------------------------------------------ errands */

/* The box of an errand, started when it does not run. NULL: the errand has failed. */
static struct box *box_for(struct boxes *b, struct tr_errand *e, const char *name)
{
	struct box *box;
	char words[TR_PROVIDER_WORDS_MAX];
	int rc;

	if (b->stopping || !name_is_ours(name)) {
		tr_errand_fail(e, TROUPE_EPROVIDER, b->stopping ? "The server is ending." : "No local sandbox has such a name.");
		return NULL;
	}
	box = find(b, name);
	if (box && box->stops) {
		tr_errand_fail(e, TROUPE_EPROVIDER, "The sandbox is being ended. Try again in a moment.");
		return NULL;
	}
	if (box)
		return box;
	if (b->count >= TR_LOCAL_SANDBOXES_MAX) {
		snprintf(words, sizeof words, "This server runs %d local sandboxes already.", TR_LOCAL_SANDBOXES_MAX);
		tr_errand_fail(e, TROUPE_EPROVIDER, words);
		return NULL;
	}
	rc = start(b, name, &box);
	if (rc < 0) {
		tr_errand_fail(e, rc == TROUPE_ENOAGENT ? TROUPE_ENOPROVIDER : TROUPE_EPROVIDER,
		               rc == TROUPE_ENOAGENT ? "There is no sandbox-agent program on the server's machine."
		                                     : "The local sandbox cannot be started; the server's log says why.");
		return NULL;
	}
	return box;
}

static void local_create(struct tr_provider *p, struct tr_errand *e)
{
	if (box_for(boxes_of(p), e, e->seed))
		tr_errand_end(e, &(struct tr_provider_answer){ .raw_id = e->seed });
}

static void local_ensure_server(struct tr_provider *p, struct tr_errand *e)
{
	if (box_for(boxes_of(p), e, e->raw_id))
		tr_errand_end(e, &(struct tr_provider_answer){ 0 });
}

/* Its folder is there until it is destroyed. */
static bool is_no_more(struct boxes *b, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/" BELOW "/%s", b->data_dir, name);
	return name_is_ours(name) && !find(b, name) && access(path, F_OK) != 0 && errno == ENOENT;
}

/* Does not make it anew: whoever has something to clean up in it may come too late. */
static void local_reach(struct tr_provider *p, struct tr_errand *e)
{
	struct box *box;

	if (is_no_more(boxes_of(p), e->raw_id)) {
		tr_errand_fail(e, TROUPE_ESANDBOXLOST, NULL);
		return;
	}
	box = box_for(boxes_of(p), e, e->raw_id);
	if (box)
		tr_errand_end(e, &(struct tr_provider_answer){ .url = tr_local_url(box->local), .token = tr_local_token(box->local) });
}

static void end_box(struct boxes *b, struct tr_errand *e, bool remove)
{
	struct box *box = name_is_ours(e->raw_id) ? find(b, e->raw_id) : NULL;
	char folder[TR_LOCAL_NAME_MAX + sizeof BELOW];

	if (box && (box->ending || b->stopping)) {
		tr_errand_fail(e, TROUPE_EPROVIDER, "The sandbox is being ended.");
	} else if (box) {
		box->ending = e;
		box->removes = box->removes || remove;
		stop(box, false);
	} else {
		folder_of(e->raw_id, folder);
		if (remove && name_is_ours(e->raw_id))
			tr_local_remove(b->data_dir, folder);
		tr_errand_end(e, &(struct tr_provider_answer){ 0 });
	}
}

static void local_pause(struct tr_provider *p, struct tr_errand *e)
{
	end_box(boxes_of(p), e, false);
}

static void local_destroy(struct tr_provider *p, struct tr_errand *e)
{
	end_box(boxes_of(p), e, true);
}

/* ------------------------------------------------------------------ life */

static struct tr_provider *local_free(struct tr_provider *p)
{
	struct boxes *b;
	struct tr_list *first;

	if (!p)
		return NULL;
	b = boxes_of(p);
	while ((first = tr_list_first(&b->list))) {
		struct box *box = tr_container(first, struct box, link);

		tr_list_remove(first);
		tr_local_free(box->local);
		free(box);
	}
	tr_provider_fini(p);
	b->base.clock.ops->timer_free(b->stopped);
	free(b->data_dir);
	free(b->binary);
	free(b);
	return NULL;
}

static const struct tr_provider_ops local_ops = {
	.create = local_create, .ensure_server = local_ensure_server, .reach = local_reach, .pause = local_pause,
	.destroy = local_destroy, .free = local_free,
};

static void adopt(void *arg, const char *name)
{
	struct boxes *b = arg;
	struct box *box;

	if (name_is_ours(name) && start(b, name, &box) < 0)
		tr_warn("sandbox.adopt", "name=%s failed=1", name);
}

struct tr_provider *tr_provider_local_new(const struct tr_local_options *o)
{
	struct boxes *b = tr_alloc(sizeof *b);

	tr_provider_init(&b->base, &local_ops, o->clock, "local");
	b->loop = o->base;
	b->base.reach = TR_HTTP_THIS_HOST;
	b->base.repeatable = true;
	b->data_dir = tr_strdup(o->data_dir);
	b->binary = tr_strdup(o->binary);
	b->stopped = o->clock.ops->timer_new(o->clock.ctx, on_all_stopped, b);
	tr_list_init(&b->list);
	tr_local_each_running(b->data_dir, BELOW, adopt, b);
	return &b->base;
}
