/* SPDX-License-Identifier: Apache-2.0 */
/* The local sandbox's files, and what /proc says about its process. */
#include "runtime/sandbox/provider/local_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/base/limits.h"
#include "runtime/base/mem.h"
#include "runtime/sandbox/provider/local.h"

/* ---------------------------------------------------------------- whole files */

/* False, and no file there, when it is longer than the room. */
static bool read_text(const char *path, char *into, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t got = 1;

	if (fd < 0)
		return false;
	while (have < size && (got = read(fd, into + have, size - have)) > 0)
		have += (size_t)got;
	close(fd);
	if (got < 0 || have == size)
		return false;
	into[have] = '\0';
	return true;
}

static bool write_and_sync(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t put = write(fd, text, left);

		if (put < 0)
			return false;
		text += put;
		left -= (size_t)put;
	}
	return !fsync(fd);
}

static void sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

/* Under another name first, so that a reader sees the old text or the new one. */
static bool replace_text(const char *path, const char *text, mode_t mode)
{
	char fresh[PATH_MAX];
	bool good;
	int fd, error;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return false;
	}
	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	good = write_and_sync(fd, text) && !fchmod(fd, mode);
	error = errno;
	close(fd);
	if (good && !rename(fresh, path)) {
		sync_folder_of(path);
		return true;
	}
	error = good ? errno : error;
	unlink(fresh);
	errno = error;
	return false;
}

static bool make_folders(const char *path)
{
	char part[PATH_MAX];

	for (const char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", slash ? (int)(slash - path) : PATH_MAX - 1, path);
		if (mkdir(part, 0700) && errno != EEXIST)
			return false;
		if (!slash)
			return true;
	}
}

/* ---------------------------------------------------------------- the note */

#define NOTE_WRITE "{\"pid\":%d,\"startTime\":%llu,\"port\":%d,\"token\":\"%s\"}\n"
#define NOTE_READ  " {\"pid\":%d,\"startTime\":%llu,\"port\":%d,\"token\":\"%48[0-9a-f]\"}%n"

bool tr_local_note_read(const char *path, struct tr_local_note *ret)
{
	struct tr_local_note note;
	unsigned long long start_time;
	char text[256];
	int end = 0;

	if (!read_text(path, text, sizeof(text)))
		return false;
	sscanf(text, NOTE_READ, &note.pid, &start_time, &note.port, note.token, &end);
	if (!end || note.pid < 0 || note.port < 1 || note.port > 65535 ||
	    strlen(note.token) != TR_LOCAL_TOKEN_CHARACTERS)
		return false;
	note.start_time = start_time;
	*ret = note;
	return true;
}

bool tr_local_note_write(const char *path, const struct tr_local_note *note)
{
	char text[256];

	snprintf(text, sizeof(text), NOTE_WRITE, (int)note->pid, (unsigned long long)note->start_time,
		 note->port, note->token);
	return replace_text(path, text, 0600);
}

/* ---------------------------------------------------------------- the process */

bool tr_local_start_time(pid_t pid, uint64_t *ret)
{
	char path[64], text[1024], state;
	const char *behind_name;
	unsigned long long start_time;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	/* Field 2 is the name in parentheses, which may hold anything; 3 is the state, 22 the start. */
	behind_name = strrchr(text, ')');
	if (!behind_name ||
	    sscanf(behind_name, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %llu", &state, &start_time) != 2)
		return false;
	if (state == 'Z' || state == 'X')
		return false;
	*ret = start_time;
	return true;
}

/* Does its command line say `--token TOKEN`? Nobody else's does. */
static bool bears_token(pid_t pid, const char *token)
{
	char path[64], line[8192], words[TR_LOCAL_TOKEN_CHARACTERS + 16];
	int size, fd;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, line, sizeof(line));
	close(fd);
	size = snprintf(words, sizeof(words), "--token%c%s", '\0', token);
	return got > 0 && memmem(line, (size_t)got, words, (size_t)size);
}

pid_t tr_local_find_process(const struct tr_local_note *note)
{
	DIR *processes;
	struct dirent *entry;
	uint64_t start_time;
	pid_t found = 0;

	if (note->pid && tr_local_start_time(note->pid, &start_time) && start_time == note->start_time &&
	    bears_token(note->pid, note->token))
		return note->pid;
	/* A server that was killed between starting it and noting it leaves one that only its token tells. */
	if (!(processes = opendir("/proc")))
		return 0;
	while (!found && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 1 && getpgid(pid) == pid && bears_token(pid, note->token))
			found = pid;
	}
	closedir(processes);
	return found;
}

/* The process's first variable that begins so, whole; NULL: none. To be freed. */
static char *variable_of(pid_t pid, const char *begin, size_t size)
{
	char path[64], *text = NULL;
	size_t have = 0;
	ssize_t got;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	file = fopen(path, "re");
	while (file && !found && (got = getdelim(&text, &have, '\0', file)) > 0)
		found = (size_t)got >= size && !memcmp(text, begin, size);
	if (file)
		fclose(file);
	if (!found)
		free(text);
	return found ? text : NULL;
}

static bool bears_mark(pid_t pid, const char *mark, size_t size)
{
	char *text = variable_of(pid, mark, size); /* size counts its NUL */
	bool found = text != NULL;

	free(text);
	return found;
}

int tr_local_kill_marked(const char *folder)
{
	char mark[PATH_MAX + 32];
	size_t size = (size_t)snprintf(mark, sizeof(mark), TR_LOCAL_MARK "=%s", folder) + 1;
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while (processes && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid > 1 && pid != getpid() && pid != getppid() && bears_mark(pid, mark, size) &&
		    !kill(pid, SIGKILL))
			count++;
	}
	if (processes)
		closedir(processes);
	return count;
}

/* The name in TR_LOCAL_MARK=BEGIN/NAME of a process; "": it has no such mark. */
static void marked_name(pid_t pid, const char *begin, char into[NAME_MAX + 1])
{
	size_t size = strlen(begin);
	char *text = variable_of(pid, begin, size);

	into[0] = '\0';
	if (text && strlen(text + size) <= NAME_MAX && !strchr(text + size, '/'))
		strcpy(into, text + size);
	free(text);
}

void tr_local_each_running(const char *data_dir, const char *below, void (*on_name)(void *arg, const char *name), void *arg)
{
	char data[PATH_MAX], begin[2 * PATH_MAX], name[NAME_MAX + 1], (*names)[NAME_MAX + 1] = NULL;
	DIR *processes = realpath(data_dir, data) ? opendir("/proc") : NULL;
	struct dirent *entry;
	size_t count = 0, at;

	snprintf(begin, sizeof(begin), TR_LOCAL_MARK "=%s/%s/", processes ? data : "", below);
	while (processes && (entry = readdir(processes))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid < 2 || pid == getpid())
			continue;
		marked_name(pid, begin, name);
		for (at = 0; at < count && strcmp(names[at], name); at++)
			;
		if (!*name || at < count)
			continue;
		names = tr_realloc(names, (count + 1) * sizeof(*names));
		strcpy(names[count++], name);
	}
	if (processes)
		closedir(processes);
	for (at = 0; at < count; at++)
		on_name(arg, names[at]);
	free(names);
}

/* Its files are known; whatever else lies there is not ours, and keeps the folder. */
void tr_local_remove(const char *data_dir, const char *folder)
{
	static const char *const files[] = { "sandbox.json", "sandbox.json.new", "sandbox.log", "sandbox.log.1" };
	char data[PATH_MAX], path[2 * PATH_MAX], file[2 * PATH_MAX + 32];

	if (!realpath(data_dir, data))
		return;
	snprintf(path, sizeof(path), "%s/%s", data, folder);
	tr_local_kill_marked(path);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		unlink(file);
	}
	rmdir(path);
}

/* ---------------------------------------------------------------- where programs are */

static bool is_file(const char *path)
{
	struct stat at;

	return !stat(path, &at) && S_ISREG(at.st_mode);
}

static bool is_program(const char *path)
{
	return is_file(path) && !access(path, X_OK);
}

/* Where the project's npm folder may be: seen from the running program as it is built and as it is
 * installed, and from the working directory. Writes "" when there is no such place. */
static void demo_folder(int place, char into[PATH_MAX])
{
	static const char *const from_program[] = { "../clients/demo", "../share/troupe/demo" };
	char program[PATH_MAX], path[2 * PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	program[size > 0 ? size : 0] = '\0';
	slash = strrchr(program, '/');
	if (place == 2 || !slash)
		strcpy(path, "clients/demo");
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - program), program, from_program[place]);
	if (!realpath(path, into))
		*into = '\0';
}

enum { DEMO_FOLDERS = 3 };

/* The platform's package in a folder node_modules. */
static bool platform_program(const char *node_modules, char *into, unsigned size)
{
	struct utsname machine;
	const char *name = "x64";

	if (!uname(&machine) && (!strcmp(machine.machine, "aarch64") || !strcmp(machine.machine, "arm64")))
		name = "arm64";
	snprintf(into, size, "%s/@sandbox-agent/cli-linux-%s/bin/sandbox-agent", node_modules, name);
	return is_program(into);
}

/* The npm package's command is a script for node, which would not pass SIGTERM on; the program lies beside it. */
static bool unwrap(const char *path, char *into, unsigned size)
{
	char start[64] = "", node_modules[PATH_MAX + 16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *package;

	if (fd < 0 || read(fd, start, sizeof(start) - 1) < 2) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	start[strcspn(start, "\n")] = '\0';
	if (!realpath(path, into)) /* into has room for PATH_MAX */
		return false;
	package = strstr(into, "/@sandbox-agent/cli/");
	if (!package || strncmp(start, "#!", 2))
		return true;
	snprintf(node_modules, sizeof(node_modules), "%.*s", (int)(package - into), into);
	return platform_program(node_modules, into, size);
}

static bool take_named(const char *what, const char *path, char *into, unsigned size)
{
	char found[PATH_MAX];

	if (is_program(path) && unwrap(path, found, sizeof(found))) {
		snprintf(into, size, "%s", found);
		return true;
	}
	snprintf(into, size, "%s %s: %s. Name the sandbox-agent program itself", what, path,
		 !is_file(path) ? "there is no such file" : access(path, X_OK) ? "it cannot be executed"
		 : "it is a script whose program is missing");
	return false;
}

static bool search_path(char *into)
{
	const char *folders = getenv("PATH");
	char candidate[PATH_MAX];

	while (folders && *folders) {
		size_t size = strcspn(folders, ":");

		snprintf(candidate, sizeof(candidate), "%.*s/sandbox-agent", (int)size, folders);
		if (size && is_program(candidate) && unwrap(candidate, into, PATH_MAX))
			return true;
		folders += size + (folders[size] == ':');
	}
	return false;
}

static bool search_demo_folders(char *into)
{
	char folder[PATH_MAX], node_modules[PATH_MAX + 16];

	for (int place = 0; place < DEMO_FOLDERS; place++) {
		demo_folder(place, folder);
		snprintf(node_modules, sizeof(node_modules), "%s/node_modules", folder);
		if (*folder && platform_program(node_modules, into, PATH_MAX))
			return true;
	}
	return false;
}

bool tr_local_find_binary(const char *wanted, char *into, unsigned size)
{
	const char *named = getenv("SANDBOX_AGENT_BIN");
	char found[PATH_MAX];

	if (wanted)
		return take_named("--sandbox-agent", wanted, into, size);
	if (named && *named)
		return take_named("SANDBOX_AGENT_BIN", named, into, size);
	if (search_path(found) || search_demo_folders(found)) {
		snprintf(into, size, "%s", found);
		return true;
	}
	snprintf(into, size, "there is no sandbox-agent in PATH nor in clients/demo/node_modules:"
		 " `make deps` installs one, --sandbox-agent names one, --sandbox none does without");
	return false;
}

/* ---------------------------------------------------------------- the demonstration agent */

static bool take_file(const char *path, char *into, unsigned size)
{
	char real[PATH_MAX];

	if (!is_file(path) || !realpath(path, real))
		return false;
	snprintf(into, size, "%s", real);
	return true;
}

bool tr_local_find_demo(const char *binary, char *into, unsigned size)
{
	const char *named = getenv("TROUPE_DEMO_AGENT"), *npm = strstr(binary, "/node_modules/@sandbox-agent/");
	char path[PATH_MAX + 16], folder[PATH_MAX];

	if (named && *named)
		return take_file(named, into, size);
	if (npm) {
		snprintf(path, sizeof(path), "%.*s/agent.mjs", (int)(npm - binary), binary);
		if (take_file(path, into, size))
			return true;
	}
	for (int place = 0; place < DEMO_FOLDERS; place++) {
		demo_folder(place, folder);
		snprintf(path, sizeof(path), "%s/agent.mjs", folder);
		if (*folder && take_file(path, into, size))
			return true;
	}
	return false;
}

/* 'it'\''s' */
static void put_quoted(FILE *to, const char *text)
{
	fputc('\'', to);
	for (; *text; text++)
		fputs(*text == '\'' ? "'\\''" : (char[]){ *text, '\0' }, to);
	fputc('\'', to);
}

static void write_launcher(char *into, size_t size, const char *home, const char *agent_mjs)
{
	FILE *to = fmemopen(into, size, "w");

	fputs("#!/bin/sh\n"
	      "# The agent `mock`. Troupe writes this file anew at each start.\n"
	      "store=", to);
	put_quoted(to, home);
	fputs("/troupe-demo\n"
	      "export TROUPE_DEMO_STORE=\"${TROUPE_DEMO_STORE-$store}\"\n"
	      "exec node ", to);
	put_quoted(to, agent_mjs);
	fputs(" \"$@\"\n", to);
	fclose(to);
}

bool tr_local_install_demo(const char *home, const char *agent_mjs)
{
	char path[PATH_MAX], wanted[10 * PATH_MAX], there[10 * PATH_MAX];
	char *slash;

	if (snprintf(path, sizeof(path), "%s/sandbox-agent/bin/agent_processes/mock-acp", home) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	slash = strrchr(path, '/');
	*slash = '\0';
	if (!make_folders(path))
		return false;
	*slash = '/';
	write_launcher(wanted, sizeof(wanted), home, agent_mjs);
	if (read_text(path, there, sizeof(there)) && !strcmp(there, wanted) && !access(path, X_OK))
		return true;
	return replace_text(path, wanted, 0755);
}

/* ---------------------------------------------------------------- the log */

int tr_local_open_log(const char *path)
{
	char old[PATH_MAX];
	struct stat at;

	if (!stat(path, &at) && at.st_size > TR_LOCAL_LOG_BYTES_MAX &&
	    snprintf(old, sizeof(old), "%s.1", path) < (int)sizeof(old))
		rename(path, old); /* when that fails, the log just grows on */
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}
