/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists under one lock: what is to be done, what is to be answered. */
#include "runtime/store/committer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "runtime/base/mem.h"

struct jobs { struct tr_job *first, **last; };

struct tr_committer {
	int             fd;
	unsigned        given; /* and not answered; the owner's alone */
	pthread_t       thread;
	pthread_mutex_t lock;  /* of what follows */
	pthread_cond_t  some;  /* is there to do */
	struct jobs     todo, done;
	bool            ending;
};

static void jobs_init(struct jobs *j)
{
	j->first = NULL;
	j->last = &j->first;
}

static void jobs_put(struct jobs *j, struct tr_job *job)
{
	job->next = NULL;
	*j->last = job;
	j->last = &job->next;
}

static struct tr_job *jobs_take(struct jobs *j)
{
	struct tr_job *job = j->first;

	if (job && !(j->first = job->next))
		j->last = &j->first;
	return job;
}

/* NULL: it is to end, and nothing is left. */
static struct tr_job *next_job(struct tr_committer *c)
{
	struct tr_job *job;

	pthread_mutex_lock(&c->lock);
	while (!(job = jobs_take(&c->todo)) && !c->ending)
		pthread_cond_wait(&c->some, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return job;
}

static void *run(void *arg)
{
	struct tr_committer *c = arg;
	struct tr_job *job;

	while ((job = next_job(c))) {
		job->work(job);
		pthread_mutex_lock(&c->lock);
		jobs_put(&c->done, job);
		pthread_mutex_unlock(&c->lock);
		eventfd_write(c->fd, 1); /* it never fails: nobody counts to 2^64 */
	}
	return NULL;
}

/* A signal that the thread took would wait for the disk. */
static int start(struct tr_committer *c)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

int tr_committer_new(struct tr_committer **ret)
{
	struct tr_committer *c = tr_alloc(sizeof(*c));
	int rc;

	jobs_init(&c->todo);
	jobs_init(&c->done);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->some, NULL);
	c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	rc = c->fd < 0 ? errno : start(c);
	if (!rc) {
		*ret = c;
		return 0;
	}
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return rc;
}

struct tr_committer *tr_committer_free(struct tr_committer *c)
{
	if (!c)
		return NULL;
	pthread_mutex_lock(&c->lock);
	c->ending = true;
	pthread_cond_signal(&c->some);
	pthread_mutex_unlock(&c->lock);
	pthread_join(c->thread, NULL);
	close(c->fd);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->some);
	free(c);
	return NULL;
}

void tr_committer_give(struct tr_committer *c, struct tr_job *job)
{
	c->given++;
	pthread_mutex_lock(&c->lock);
	jobs_put(&c->todo, job);
	pthread_cond_signal(&c->some);
	pthread_mutex_unlock(&c->lock);
}

bool tr_committer_idle(const struct tr_committer *c)
{
	return c->given == 0;
}

int tr_committer_fd(const struct tr_committer *c)
{
	return c->fd;
}

static struct tr_job *next_done(struct tr_committer *c)
{
	struct tr_job *job;

	pthread_mutex_lock(&c->lock);
	job = jobs_take(&c->done);
	pthread_mutex_unlock(&c->lock);
	return job;
}

void tr_committer_answer(struct tr_committer *c)
{
	struct tr_job *job;
	eventfd_t count;

	eventfd_read(c->fd, &count); /* first: what is done from here on makes it readable again */
	while ((job = next_done(c))) {
		assert(c->given > 0);
		c->given--;
		job->done(job);
	}
}

void tr_committer_wait(struct tr_committer *c)
{
	struct pollfd fd = { .fd = c->fd, .events = POLLIN };

	while (!tr_committer_idle(c)) {
		poll(&fd, 1, -1);
		tr_committer_answer(c);
	}
}
