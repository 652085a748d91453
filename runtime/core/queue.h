/* SPDX-License-Identifier: Apache-2.0 */
/* An actor's queues: what queue.c (messages come, wait, go) and queue_work.c (who gets them) know of each other.
 *
 *	sent ──commit──▶ ready ──▶ read ──▶ lent ──▶ gone
 *	                   ▲                  │
 *	                   └──── released ◀───┘
 *
 * In memory a waiting message is its number, its queue and where it stands; its body is read when somebody
 * is about to get it. In the store it is an item TR_SPACE_QUEUE, number (8 bytes, big endian), name of its
 * queue: [sent_ms, body]. So the items lie in the order in which they were sent, and whoever wakes an
 * actor reads their keys only, before its first turn. */
#ifndef TR_CORE_QUEUE_H
#define TR_CORE_QUEUE_H

#include "runtime/core/live.h"

/* Somebody waits until a message is completed. */
struct tr_wait {
	struct tr_list       link;     /* in queues->waits, or ->ended */
	struct troupe_actor *actor;
	struct tr_mail      *mail;     /* NULL: it has ended */
	struct tr_timer     *timer;
	tr_on_done          *on_done;
	void                *arg;
	int                  rc;       /* of its end */
	struct tr_bytes      response;
};

struct tr_mail {
	struct troupe_message      m;       /* what the author sees */
	struct tr_list             link;    /* in queues->mail, in the order of numbers */
	struct tr_list             touched; /* by the present turn */
	struct troupe_actor       *actor;
	const struct troupe_queue *queue;
	struct tr_wait            *wait;    /* NULL: nobody waits for its completion */
	struct troupe_take        *take;    /* that reads it; NULL: none */
	struct tr_bytes            stored;  /* where m.body lies, once it was read */
	struct tr_bytes            response;
	bool                       fresh;   /* sent in the present turn */
	bool                       gone;    /* removed in the present turn */
	bool                       reading, read;
	bool                       lent;    /* the author has it, until it is completed or released */
	bool                       taken;   /* by troupe_queue_take, to be completed */
	int                        rc;      /* of the reading */
	int64_t                    not_before_ms; /* mono: it failed, and is tried again then */
};

struct troupe_take {
	struct tr_list             link;    /* in queues->takes */
	struct troupe_actor       *actor;
	struct troupe_take_options o;       /* queues: NULL */
	const struct troupe_queue **queues; /* a list of its own, that ends with NULL; NULL: all without run */
	struct tr_timer           *timer;
	bool                       fresh;   /* made in the present turn */
	bool                       over;    /* cancelled, or its time is up */
	int                        rc;      /* what it is told when it is over */
	struct tr_mail           **got;     /* what it has read, and the one that it reads */
	size_t                     count, bytes;
};

struct tr_queues {
	struct tr_list   mail;      /* waiting, and being dealt with */
	struct tr_list   touched;   /* by the present turn: struct tr_mail */
	struct tr_list   takes;     /* oldest first */
	struct tr_list   waits;
	struct tr_list   ended;     /* waits whose end is still to be told */
	size_t           take_count, wait_count;
	size_t           count;     /* of mail that is not gone */
	size_t           run_count; /* of it, for queues with run: they hold the actor */
	size_t           lent;      /* of it, taken and not completed */
	uint64_t         stored;    /* up to this number all is on disk */
	uint64_t         newest;    /* number of what was sent last since the actor woke; 0: nothing was */
	bool             closing;   /* the actor goes: nothing is taken or waited for any more */
	bool             working;
	struct tr_timer *timer;     /* for the next piece of work */
	uint32_t        *seen, pass; /* per queue of the kind: the pass of work in which a message of it was met */
};

/* ---- queue.c */
void tr_mail_key(struct tr_bytes *key, const struct tr_mail *mail);
/* It is done with, as of the present turn. */
void tr_mail_remove(struct tr_mail *mail);
/* The author has it no longer; its body is forgotten. */
void tr_mail_return(struct tr_mail *mail);

/* ---- queue_work.c */
/* The actor goes: whoever waits is told now, each in a turn. */
void tr_queue_close(struct troupe_actor *a, bool destroy);
void tr_queue_work(void *actor); /* queues->timer fires */
void tr_queue_soon(struct troupe_actor *a); /* there may be something to do */
/* The wait is over, well (rc 0) or badly; on_done will come as a turn. */
void tr_wait_end(struct tr_wait *w, int rc);
void tr_wait_free(struct tr_wait *w);
void tr_take_free(struct troupe_take *t);

#endif
