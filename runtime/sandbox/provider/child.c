/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/sandbox/provider/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"

static bool same_name(const char *a, const char *b)
{
	size_t size = strcspn(a, "=");

	return strncmp(a, b, size) == 0 && b[size] == '=';
}

static bool is_among(const char *variable, const char *const *names)
{
	for (; *names; names++) {
		if (same_name(*names, variable))
			return true;
	}
	return false;
}

/* Ours, without what is the server's own: an agent runs what people ask, and shall not read our secrets. Lends the texts. */
static char **environment(const char *const *with)
{
	static const char *const without[] = {
		"TROUPE_TOKEN=", "TROUPE_SANDBOX_TOKEN=", "TROUPE_SUPERVISED=", "LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=",
		"NOTIFY_SOCKET=", NULL,
	};
	size_t count = 0, more = 0, kept = 0;
	char **all;

	while (environ[count])
		count++;
	while (with[more])
		more++;
	all = tr_alloc((count + more + 1) * sizeof *all);
	for (size_t i = 0; i < count; i++) {
		if (!is_among(environ[i], without) && !is_among(environ[i], with))
			all[kept++] = environ[i];
	}
	for (size_t i = 0; i < more; i++)
		all[kept++] = (char *)(uintptr_t)with[i];
	return all;
}

static void use(posix_spawn_file_actions_t *files, int fd, int as)
{
	if (fd < 0)
		posix_spawn_file_actions_addopen(files, as, "/dev/null", O_RDWR, 0);
	else
		posix_spawn_file_actions_adddup2(files, fd, as);
}

int tr_child_start(pid_t *pid, const struct tr_child_options *o)
{
	char **env = environment(o->with);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int error;

	posix_spawn_file_actions_init(&files);
	use(&files, o->in, 0);
	use(&files, o->out, 1);
	use(&files, o->err, 2);
	posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (o->dir)
		posix_spawn_file_actions_addchdir_np(&files, o->dir);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&how);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	error = posix_spawnp(pid, o->program, &files, &how, o->argv, env);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	free(env);
	return error;
}
