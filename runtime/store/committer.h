/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that does one job after the other, and a descriptor that says when one is done. What a job is, it
 * does not know.
 *
 *	its owner (the loop)                     the thread
 *	tr_committer_give(c, &job)   ──────────▶  job.work(&job)
 *	the descriptor is readable   ◀──────────
 *	tr_committer_answer(c)       calls job.done(&job)
 *
 * A job belongs to the thread from give until its done: nobody else touches it, or what it works on,
 * meanwhile. All signals are blocked on the thread: they are the loop's. */
#ifndef TR_STORE_COMMITTER_H
#define TR_STORE_COMMITTER_H

#include <stdbool.h>

struct tr_job {
	void         (*work)(struct tr_job *job); /* on the thread */
	void         (*done)(struct tr_job *job); /* on the owner's, from answer or wait; may give the next one */
	struct tr_job *next;                      /* the committer's */
};

struct tr_committer;

/* 0 or an errno. */
int tr_committer_new(struct tr_committer **ret);
/* Waits until the thread has done all that it was given, and ends it. Of what was not answered yet, done does
 * not come. Takes NULL, returns NULL. */
struct tr_committer *tr_committer_free(struct tr_committer *c);

void tr_committer_give(struct tr_committer *c, struct tr_job *job);
/* Nothing was given that is not answered. */
bool tr_committer_idle(const struct tr_committer *c);
/* Readable when there is something to answer; nonblocking, lent for the committer's life. */
int tr_committer_fd(const struct tr_committer *c);
/* Answers what is done, in the order in which it was given. Never blocks. */
void tr_committer_answer(struct tr_committer *c);
/* Answers all that has been given, waiting for it: for who has no loop. */
void tr_committer_wait(struct tr_committer *c);

#endif
