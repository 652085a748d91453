/* SPDX-License-Identifier: Apache-2.0 */
/* A local sandbox. Its process is watched through a pidfd, which tells of the end of a process that a
 * predecessor of ours started as well as of our own child's.
 *
 *	          start                it ends                 after the back-off
 *	RESTING --------> RUNNING ----------------> RESTING -----------------------> ...
 *	                     | stop                    | stop
 *	                     v                         v
 *	                  ENDING --- nothing of it is left ---> ENDED
 *
 * The agents do not go when the sandbox's server goes (spec/sandbox-agent.md 2.7). They are in its process group, and
 * all that comes from it carries our mark in its environment; so its end is followed by theirs, before a new one
 * starts: two agents must never write one history. */
#include "runtime/sandbox/provider/local.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "proto/troupe_errors.h"
#include "runtime/base/limits.h"
#include "runtime/base/log.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/provider/child.h"
#include "runtime/sandbox/provider/local_disk.h"

enum state { RESTING, RUNNING, ENDING, ENDED };

struct tr_local {
	struct event_base   *base;
	struct tr_clock      clock;
	enum state           state;
	struct tr_local_note note;
	char                *folder, *home, *binary, *note_path, *log_path; /* absolute */
	char                 url[48], sandbox_id[48];

	int                  pidfd;    /* of note.pid; -1: it is gone, or there is none */
	bool                 adopted;  /* not our child: its exit status is not for us */
	struct event        *on_exit;  /* the pidfd */
	struct tr_timer     *timer;    /* RESTING: time to start. ENDING: time to look. ENDED: time to say so */
	int64_t              started_ms;
	int64_t              due_ms;   /* ENDING: when patience ends */
	bool                 killed;   /* ENDING: it did already */
	int                  restart_ms;

	void               (*on_stopped)(void *arg);
	void                *arg;
};

static int64_t now_ms(const struct tr_local *l)
{
	return l->clock.ops->mono_ms(l->clock.ctx);
}

static void set_timer(struct tr_local *l, int ms)
{
	l->clock.ops->timer_set(l->timer, ms);
}

static void save_note(struct tr_local *l)
{
	if (!tr_local_note_write(l->note_path, &l->note))
		tr_error("sandbox.note_failed", "path=\"%s\" reason=\"%s\"", l->note_path, strerror(errno));
}

/* ---------------------------------------------------------------- ports */

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return at;
}

/* The port when it is free, any free one for 0; 0 when it is taken. */
static int free_port(int port)
{
	struct sockaddr_in at = loopback(port);
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, found = 0;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (struct sockaddr *)&at, size) && !getsockname(fd, (struct sockaddr *)&at, &size))
		found = ntohs(at.sin_port);
	if (fd >= 0)
		close(fd);
	return found;
}

static bool port_answers(int port)
{
	struct sockaddr_in at = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool answers = fd >= 0 && (!connect(fd, (struct sockaddr *)&at, sizeof(at)) || errno == EINPROGRESS);

	if (fd >= 0)
		close(fd);
	return answers;
}

/* ---------------------------------------------------------------- starting */

static char *variable(const char *name, const char *value)
{
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = tr_alloc(size);

	snprintf(text, size, "%s=%s", name, value);
	return text;
}

/* In a session of its own, so that it outlives us. 0 or an errno. */
static int spawn(struct tr_local *l, pid_t *pid)
{
	char port[8];
	char *argv[] = { l->binary, "server", "--no-telemetry", "--host", "127.0.0.1", "--port", port,
			 "--token", l->note.token, NULL };
	char *home = variable("XDG_DATA_HOME", l->home), *mark = variable(TR_LOCAL_MARK, l->folder);
	const char *with[5] = { home, mark };
	size_t count = 2;
	int log, error;

	snprintf(port, sizeof(port), "%d", l->note.port);
	/* Its log is our file, and a line for each request would fill it. */
	if (!getenv("SANDBOX_AGENT_LOG_STDOUT"))
		with[count++] = "SANDBOX_AGENT_LOG_STDOUT=1";
	if (!getenv("RUST_LOG"))
		with[count++] = "RUST_LOG=warn";
	log = tr_local_open_log(l->log_path);
	if (log < 0)
		tr_warn("sandbox.log_failed", "path=\"%s\" reason=\"%s\"", l->log_path, strerror(errno));
	error = tr_child_start(pid, &(struct tr_child_options){
		.program = l->binary, .argv = argv, .in = -1, .out = log, .err = log, .with = with });
	free(home);
	free(mark);
	if (log >= 0)
		close(log);
	return error;
}

static void install_demo(const struct tr_local *l)
{
	char agent[PATH_MAX];

	if (!tr_local_find_demo(l->binary, agent, sizeof(agent)))
		tr_warn("sandbox.no_demo", "reason=\"clients/demo/agent.mjs was not found, so the agent"
			" mock will not start. TROUPE_DEMO_AGENT can name it\"");
	else if (!tr_local_install_demo(l->home, agent))
		tr_warn("sandbox.no_demo", "home=\"%s\" reason=\"%s\"", l->home, strerror(errno));
}

static void end_group(const struct tr_local *l, int signal)
{
	if (l->note.pid > 1)
		kill(-l->note.pid, signal);
}

static void end_strays(const struct tr_local *l)
{
	int count = tr_local_kill_marked(l->folder);

	if (count)
		tr_info("sandbox.strays", "killed=%d", count);
}

static void on_process_end(evutil_socket_t fd, short what, void *arg);

/* note.pid is a process: from here on we hear of its end. */
static void watch(struct tr_local *l, bool adopted)
{
	l->adopted = adopted;
	l->started_ms = now_ms(l);
	l->state = RUNNING;
	l->pidfd = pidfd_open(l->note.pid, 0);
	if (l->pidfd < 0) {
		tr_error("sandbox.watch_failed", "pid=%d reason=\"%s\"", (int)l->note.pid, strerror(errno));
		end_group(l, SIGKILL); /* what cannot be watched must not run */
		on_process_end(-1, EV_READ, l);
		return;
	}
	l->on_exit = event_new(l->base, l->pidfd, EV_READ, on_process_end, l);
	event_add(l->on_exit, NULL);
}

static int next_restart_ms(struct tr_local *l)
{
	int ms = l->restart_ms;

	l->restart_ms = ms * 2 < TR_LOCAL_RESTART_MAX_MS ? ms * 2 : TR_LOCAL_RESTART_MAX_MS;
	return ms;
}

/* Notes before it starts what it will start: whoever finds the note can tell that process by its token. */
static void start(struct tr_local *l)
{
	pid_t pid;
	int error;

	end_strays(l);
	l->note.pid = 0;
	l->note.start_time = 0;
	save_note(l);
	error = spawn(l, &pid);
	if (error) {
		int ms = next_restart_ms(l);

		tr_error("sandbox.start_failed", "binary=\"%s\" reason=\"%s\" again_ms=%d", l->binary,
			 strerror(error), ms);
		l->state = RESTING;
		set_timer(l, ms);
		return;
	}
	l->note.pid = pid;
	tr_local_start_time(pid, &l->note.start_time);
	save_note(l);
	tr_info("sandbox.start", "pid=%d port=%d", (int)pid, l->note.port);
	watch(l, false);
}

/* ---------------------------------------------------------------- ending */

static void unwatch(struct tr_local *l)
{
	if (l->on_exit)
		event_free(l->on_exit);
	l->on_exit = NULL;
	if (l->pidfd >= 0)
		close(l->pidfd);
	l->pidfd = -1;
}

static bool group_is_there(const struct tr_local *l)
{
	return l->note.pid > 1 && (!kill(-l->note.pid, 0) || errno == EPERM);
}

static const char *reap(struct tr_local *l, char into[32])
{
	int status;

	if (l->adopted || waitpid(l->note.pid, &status, 0) != l->note.pid)
		snprintf(into, 32, "code=unknown");
	else if (WIFSIGNALED(status))
		snprintf(into, 32, "signal=%d", WTERMSIG(status));
	else
		snprintf(into, 32, "code=%d", WEXITSTATUS(status));
	return into;
}

static void finish(struct tr_local *l)
{
	l->state = ENDED;
	set_timer(l, 0);
}

/* Port and token stay noted, for the next start. */
static void note_end(struct tr_local *l)
{
	end_strays(l);
	l->note.pid = 0;
	l->note.start_time = 0;
	save_note(l);
	finish(l);
}

static void look_at_ending_group(struct tr_local *l)
{
	bool over = now_ms(l) >= l->due_ms;

	if (l->pidfd < 0 && !group_is_there(l)) {
		note_end(l);
	} else if (over && l->killed) {
		tr_error("sandbox.still_there", "group=%d", (int)l->note.pid);
		note_end(l);
	} else {
		if (over) {
			tr_warn("sandbox.kill", "group=%d after_ms=%d", (int)l->note.pid, TR_LOCAL_TERM_MS);
			end_group(l, SIGKILL);
			l->killed = true;
			l->due_ms = now_ms(l) + TR_LOCAL_GIVE_UP_MS;
		}
		set_timer(l, TR_LOCAL_LOOK_MS);
	}
}

static void on_process_end(evutil_socket_t fd, short what, void *arg)
{
	struct tr_local *l = arg;
	bool long_life = now_ms(l) - l->started_ms >= TR_LOCAL_LONG_LIFE_MS;
	char how[32];
	int ms;

	(void)fd;
	(void)what;
	end_group(l, SIGTERM); /* before its pid is given back */
	reap(l, how);
	unwatch(l);
	if (l->state == ENDING) {
		tr_info("sandbox.exit", "pid=%d %s", (int)l->note.pid, how);
		return; /* the timer looks for the rest of its group */
	}
	if (long_life)
		l->restart_ms = TR_LOCAL_RESTART_MS;
	ms = next_restart_ms(l);
	tr_warn("sandbox.exit", "pid=%d %s again_ms=%d log=\"%s\"", (int)l->note.pid, how, ms, l->log_path);
	l->state = RESTING;
	set_timer(l, ms);
}

static void on_timer(void *arg)
{
	struct tr_local *l = arg;

	switch (l->state) {
	case RESTING:
		start(l);
		break;
	case ENDING:
		look_at_ending_group(l);
		break;
	case ENDED:
		l->on_stopped(l->arg);
		break;
	case RUNNING:
		break;
	}
}

/* ---------------------------------------------------------------- finding it again */

static bool is_of_use(const struct tr_local_note *note)
{
	struct timespec up;
	int64_t age_ms;

	if (port_answers(note->port))
		return true;
	clock_gettime(CLOCK_BOOTTIME, &up);
	age_ms = (int64_t)up.tv_sec * 1000 -
		 (int64_t)(note->start_time * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
	return age_ms < TR_LOCAL_DEAF_MS; /* its predecessor's last deed was to start it */
}

static void make_token(char into[TR_LOCAL_TOKEN_CHARACTERS + 1])
{
	unsigned char bytes[TR_LOCAL_TOKEN_CHARACTERS / 2];

	tr_random(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(into + 2 * i, 3, "%02x", bytes[i]);
}

/* True: the sandbox of the note runs. Else its port and token are good to start with, or new ones are there. */
static bool adopt(struct tr_local *l)
{
	pid_t pid;

	if (!tr_local_note_read(l->note_path, &l->note)) {
		make_token(l->note.token);
		l->note.port = free_port(0);
		return false;
	}
	pid = tr_local_find_process(&l->note);
	l->note.pid = pid;
	if (pid && tr_local_start_time(pid, &l->note.start_time)) {
		if (is_of_use(&l->note)) {
			save_note(l);
			return true;
		}
		tr_warn("sandbox.deaf", "pid=%d port=%d reason=\"its port is closed: it is ended\"",
			(int)pid, l->note.port);
		end_group(l, SIGKILL);
	}
	if (!free_port(l->note.port))
		l->note.port = free_port(0);
	return false;
}

/* ---------------------------------------------------------------- from outside */

static char *join(const char *folder, const char *name)
{
	char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return tr_strdup(path);
}

/* Made when it is missing; absolute. False: errno says why. */
static bool make_folder(const char *path, char into[PATH_MAX])
{
	return (!mkdir(path, 0700) || errno == EEXIST) && realpath(path, into);
}

static int folder_failed(const char *path)
{
	tr_error("sandbox.data_failed", "path=\"%s\" reason=\"%s\"", path, strerror(errno));
	return TROUPE_ESTORE;
}

/* The data directory made absolute, and what lies in it. */
static int set_paths(struct tr_local *l, const struct tr_local_options *o)
{
	const char *home = getenv("TROUPE_SANDBOX_HOME");
	char data[PATH_MAX], folder[PATH_MAX], path[2 * PATH_MAX], absolute[PATH_MAX];

	if (!make_folder(o->data_dir, data))
		return folder_failed(o->data_dir);
	snprintf(path, sizeof(path), "%s/%s", data, o->folder ? o->folder : ".");
	if (!make_folder(path, folder))
		return folder_failed(path);
	if (home && *home && !make_folder(home, absolute))
		return folder_failed(home);
	l->folder = tr_strdup(folder);
	l->home = home && *home ? tr_strdup(absolute) : join(data, "sandbox-home");
	l->note_path = join(folder, "sandbox.json");
	l->log_path = join(folder, "sandbox.log");
	return 0;
}

int tr_local_new(struct tr_local **ret, const struct tr_local_options *o)
{
	char found[PATH_MAX + 256];
	struct tr_local *l;
	int outcome;
	bool found_running;

	if (!tr_local_find_binary(o->binary, found, sizeof(found))) {
		tr_error("sandbox.no_binary", "reason=\"%s\"", found);
		return TROUPE_ENOAGENT;
	}
	l = tr_alloc(sizeof(*l));
	l->base = o->base;
	l->clock = o->clock;
	l->pidfd = -1;
	l->restart_ms = TR_LOCAL_RESTART_MS;
	l->binary = tr_strdup(found);
	l->timer = l->clock.ops->timer_new(l->clock.ctx, on_timer, l);
	if ((outcome = set_paths(l, o))) {
		tr_local_free(l);
		return outcome;
	}
	found_running = adopt(l);
	if (!l->note.port) {
		tr_error("sandbox.no_port", "reason=\"%s\"", strerror(errno));
		tr_local_free(l);
		return TROUPE_ESANDBOX;
	}
	install_demo(l);
	if (found_running) {
		tr_info("sandbox.adopt", "pid=%d port=%d", (int)l->note.pid, l->note.port);
		watch(l, true);
	} else {
		start(l);
	}
	snprintf(l->url, sizeof(l->url), "http://127.0.0.1:%d", l->note.port);
	snprintf(l->sandbox_id, sizeof(l->sandbox_id), "local/127.0.0.1:%d", l->note.port);
	*ret = l;
	return 0;
}

const char *tr_local_url(const struct tr_local *l)
{
	return l->url;
}

const char *tr_local_token(const struct tr_local *l)
{
	return l->note.token;
}

const char *tr_local_sandbox_id(const struct tr_local *l)
{
	return l->sandbox_id;
}

void tr_local_stop(struct tr_local *l, bool keep, void (*on_stopped)(void *arg), void *arg)
{
	assert(l->state == RESTING || l->state == RUNNING);
	l->on_stopped = on_stopped;
	l->arg = arg;
	if (keep) {
		unwatch(l);
		finish(l);
		return;
	}
	tr_info("sandbox.stop", "pid=%d", (int)l->note.pid);
	l->state = ENDING;
	l->due_ms = now_ms(l) + TR_LOCAL_TERM_MS;
	end_group(l, SIGTERM);
	look_at_ending_group(l);
}

struct tr_local *tr_local_free(struct tr_local *l)
{
	if (!l)
		return NULL;
	unwatch(l);
	l->clock.ops->timer_free(l->timer);
	free(l->folder);
	free(l->home);
	free(l->binary);
	free(l->note_path);
	free(l->log_path);
	free(l);
	return NULL;
}
