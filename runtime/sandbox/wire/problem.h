/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of the sandbox means to us (spec/sandbox-agent.md 2.4): its status and the type of its problem document
 * decide, its words are only passed on. Pure. */
#ifndef TR_SANDBOX_PROBLEM_H
#define TR_SANDBOX_PROBLEM_H

#include "runtime/sandbox/wire/http.h"

enum tr_problem_kind {
	TR_PROBLEM_NONE,     /* 2xx */
	TR_PROBLEM_NOT_SENT, /* the request reached nobody */
	TR_PROBLEM_UNSURE,   /* it may have reached the agent */
	TR_PROBLEM_TOKEN,    /* 401 */
	TR_PROBLEM_AGENT,    /* the sandbox does not know this agent, or cannot get it */
	TR_PROBLEM_GONE,     /* no instance under this server id */
	TR_PROBLEM_CONFLICT, /* the server id belongs to another agent */
	TR_PROBLEM_DEAD,     /* the agent's process has ended, or did not start */
	TR_PROBLEM_WAIT,     /* the server gave up waiting; the stream will tell */
	TR_PROBLEM_REFUSED,  /* the server did not take the request; the agent never saw it */
	TR_PROBLEM_PATH      /* somebody else answered: a proxy, another server */
};

#define TR_PROBLEM_WORDS 256

struct tr_problem {
	enum tr_problem_kind kind;
	int                  status;
	char                 words[TR_PROBLEM_WORDS]; /* for people; UTF-8, no control characters */
};

void tr_problem_read(const struct tr_http_answer *answer, struct tr_problem *ret);

/* Nobody answered: it was not sent, or it is not known what became of it. */
bool tr_problem_unheard(const struct tr_problem *p);

/* Copies text for people: what does not fit is cut, control characters become spaces. */
void tr_words(char *into, size_t room, struct troupe_text text);

#endif
