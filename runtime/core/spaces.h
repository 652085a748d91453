/* SPDX-License-Identifier: Apache-2.0 */
/* The durable items of an actor lie in spaces: what their keys begin with. Here is each, who owns it, what
 * is below it, and how long it lasts. Nothing else writes these beginnings down (`make check`), and they
 * are a format on disk: a server finds what an older one has put there.
 *
 *	queue/     core/queue.c. A number (8 bytes, big endian), the queue's name: a message, until a turn
 *	           has had it
 *	session/   sandbox/session/store.c. A session's id, "/", the items that store.c lists: those below
 *	           open/ until the session is destroyed, the others as long as the actor
 *	sessions/  sandbox/session/store.c. When it was made (20 digits), "/", its id: what listSessions
 *	           tells of it, as long as the actor
 *	owed/      sandbox/debts.c. "sandbox": the actor's own (place.c). "agent/", an id: an instance of an
 *	           agent. Until it is paid: the end of the actor hands it over to TR_NOBODY
 *
 * Under TR_NOBODY, the number of no actor, there is owed/ alone: who owed it (20 digits), "/", the rest of
 * the key as above. Keys have TR_ITEM_KEY_MAX bytes at most, those below owed/ TR_OWED_KEY_MAX. */
#ifndef TR_CORE_SPACES_H
#define TR_CORE_SPACES_H

#define TR_SPACE_QUEUE    "queue/"
#define TR_SPACE_SESSION  "session/"
#define TR_SPACE_SESSIONS "sessions/"
#define TR_OWED           "owed/"
#define TR_OWED_SANDBOX   TR_OWED "sandbox"
#define TR_OWED_AGENT     TR_OWED "agent/"

#endif
