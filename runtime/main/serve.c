/* SPDX-License-Identifier: Apache-2.0 */
/* The process around one server: its limits and its signals. */
#include "runtime/main/serve.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <event2/event.h>

#include "runtime/main/server.h"

/* As many descriptors as the system lets us have: each connection is one. */
static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void on_signal(evutil_socket_t signal, short what, void *arg)
{
	(void)what;
	tr_server_end(arg, signal == SIGHUP); /* a SIGTERM after it ends the sandbox, too */
}

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
#define SIGNALS (sizeof signals / sizeof *signals)

static void run(struct tr_server *s)
{
	struct event *events[SIGNALS];

	for (size_t i = 0; i < SIGNALS; i++) {
		events[i] = evsignal_new(tr_server_base(s), signals[i], on_signal, s);
		if (events[i])
			event_add(events[i], NULL);
	}
	tr_server_run(s);
	for (size_t i = 0; i < SIGNALS; i++) {
		if (events[i])
			event_free(events[i]);
	}
}

int tr_serve(const struct tr_options *o, int listen_fd, const struct troupe_kind *const *kinds)
{
	struct tr_server *s;
	int rc;

	raise_limits();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is a full disk, not a reason to die */
	rc = tr_server_new(&s, o, listen_fd, kinds);
	if (rc == 0) {
		run(s);
		tr_server_free(s);
	}
	if (rc == TROUPE_EFULL || rc == TROUPE_ENOMEM)
		return EXIT_FAILURE; /* may pass: the supervisor tries again */
	return rc < 0 ? TR_EXIT_CONFIG : 0;
}
