/* SPDX-License-Identifier: Apache-2.0 */
/* A server is a value: two of them in one process, each on a thread of its own with its own data, port and
 * sandbox. (Under TSan this is what shows whether they share anything.) */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/main/server.h"
#include "tests/kit/test.h"
#include "tests/kit/tmpdir.h"

/* ---- a kind */

struct tally { int64_t count; struct troupe_session *session; };
static const struct troupe_record tally_record = TROUPE_RECORD(tally, TROUPE_FIELD(tally, count, "count"));

static int tally_wake(struct troupe_actor *a)
{
	struct tally *self = troupe_self(a);

	return troupe_session_open(&self->session, a, &(struct troupe_session_options){ .agent = "mock" });
}

static void tally_sleep(struct troupe_actor *a)
{
	struct tally *self = troupe_self(a);

	self->session = troupe_session_close(self->session);
}

static int tally_add(struct troupe_actor *a, struct troupe_call *call)
{
	struct tally *self = troupe_self(a);

	return troupe_reply_int(call, ++self->count);
}

static int tally_ask(struct troupe_actor *a, struct troupe_call *call)
{
	const struct tally *self = troupe_self(a);

	return troupe_session_prompt(self->session, call, &(struct troupe_prompt){
		.user_id = "ann", .text = "hello" });
}

static const struct troupe_action tally_actions[] = {
	{ .name = "add", .run = tally_add },
	{ .name = "ask", .run = tally_ask, .slow = true },
	{ 0 }
};
static const struct troupe_kind tally_kind = {
	.name = "tally", .size = sizeof(struct tally), .state = &tally_record,
	.wake = tally_wake, .sleep = tally_sleep, .actions = tally_actions,
};
static const struct troupe_kind *const kinds[] = { &tally_kind, NULL };

/* ---- a server and its thread */

struct side {
	char             *dir, sandbox[40];
	int               fd, sandbox_fd; /* both listen */
	struct tr_options o;
	struct tr_server *server;
	sem_t             opened;
	pthread_t         thread;
};

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t size = sizeof at;

	assert_int_equal(0, getsockname(fd, (struct sockaddr *)&at, &size));
	return at;
}

static int listen_anywhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(0, bind(fd, (struct sockaddr *)&at, sizeof at));
	assert_int_equal(0, listen(fd, 16));
	return fd;
}

static void *serve(void *arg)
{
	struct side *s = arg;
	int rc = tr_server_new(&s->server, &s->o, s->fd, kinds);

	sem_post(&s->opened);
	if (rc == 0)
		tr_server_run(s->server);
	tr_server_free(s->server);
	return NULL;
}

static void side_start(struct side *s)
{
	static const struct tr_options usual = {
		.host = "127.0.0.1", .port = "0", .agent = "mock", .private_sandboxes = true,
	};

	if (!s->dir) {
		s->dir = tr_tmpdir_new();
		s->sandbox_fd = listen_anywhere();
		snprintf(s->sandbox, sizeof s->sandbox, "http://127.0.0.1:%d",
		         ntohs(address_of(s->sandbox_fd).sin_port));
	}
	s->fd = listen_anywhere();
	s->o = usual;
	s->o.data = s->dir;
	s->o.sandbox = s->sandbox;
	s->server = NULL;
	sem_init(&s->opened, 0, 0);
	assert_int_equal(0, pthread_create(&s->thread, NULL, serve, s));
}

static void side_opened(struct side *s)
{
	while (sem_wait(&s->opened) < 0)
		;
	assert_non_null(s->server);
}

static void side_ended(struct side *s)
{
	assert_int_equal(0, pthread_join(s->thread, NULL));
	sem_destroy(&s->opened);
	close(s->fd);
}

static void side_forget(struct side *s)
{
	close(s->sandbox_fd);
	s->dir = tr_tmpdir_free(s->dir);
}

/* ---- its clients */

static int ask(const struct side *s, const char *action)
{
	struct sockaddr_in at = address_of(s->fd);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(0, connect(fd, (struct sockaddr *)&at, sizeof at));
	dprintf(fd, "POST /gateway/tally/action/%s?rvt-namespace=default&rvt-method=getOrCreate"
	        "&rvt-runner=default&rvt-key=a HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	        "Content-Type: application/json\r\nx-rivet-encoding: json\r\n"
	        "Content-Length: 11\r\nConnection: close\r\n\r\n{\"args\":[]}", action);
	return fd;
}

static void answers(int fd, const char *expected)
{
	char text[4096];
	size_t size = 0;
	ssize_t got;

	while ((got = read(fd, text + size, sizeof text - 1 - size)) > 0)
		size += (size_t)got;
	text[size] = 0;
	close(fd);
	if (!strstr(text, expected))
		fail_msg("%s is not in %s", expected, text);
}

static void adds(struct side *s, int expected)
{
	char text[32];

	snprintf(text, sizeof text, "{\"output\":%d}", expected);
	answers(ask(s, "add"), text);
}

/* Somebody comes to its sandbox, and is sent away. */
static void sandbox_is_asked(struct side *s)
{
	int fd = accept(s->sandbox_fd, NULL, NULL);
	char byte;

	assert_int_equal(1, read(fd, &byte, 1));
	close(fd);
}

TEST(two_servers_live_side_by_side_in_one_process)
{
	struct side sides[2] = { 0 };
	int asked[2];

	for (int i = 0; i < 2; i++)
		side_start(&sides[i]);
	for (int i = 0; i < 2; i++)
		side_opened(&sides[i]);
	for (int n = 1; n <= 20; n++) {
		adds(&sides[0], n);
		if (n <= 10)
			adds(&sides[1], n);
	}
	for (int i = 0; i < 2; i++)
		asked[i] = ask(&sides[i], "ask");
	for (int i = 0; i < 2; i++)
		sandbox_is_asked(&sides[i]);
	tr_server_end(sides[0].server, false);
	side_ended(&sides[0]);
	adds(&sides[1], 11); /* the other goes on */
	side_start(&sides[0]);
	side_opened(&sides[0]);
	adds(&sides[0], 21);
	for (int i = 0; i < 2; i++)
		tr_server_end(sides[i].server, i == 0);
	for (int i = 0; i < 2; i++) {
		side_ended(&sides[i]);
		side_forget(&sides[i]);
		close(asked[i]);
	}
}

TEST(a_server_may_be_told_to_end_before_it_runs)
{
	struct side s = { 0 };

	side_start(&s);
	side_opened(&s);
	tr_server_end(s.server, true);
	tr_server_end(s.server, false);
	side_ended(&s);
	side_forget(&s);
}

/* The first server of a process also makes what the process has one of: libuv's pipe for signals is two
 * descriptors. */
static int begin_process(void **state)
{
	struct side s = { 0 };

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	side_start(&s);
	side_opened(&s);
	tr_server_end(s.server, false);
	side_ended(&s);
	side_forget(&s);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN(a_server_may_be_told_to_end_before_it_runs),
		RUN(two_servers_live_side_by_side_in_one_process),
	};

	return cmocka_run_group_tests(tests, begin_process, NULL);
}
