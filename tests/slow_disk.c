/* SPDX-License-Identifier: Apache-2.0 */
/* A slow disk, for a program that is started with LD_PRELOAD=slow_disk.so: its fdatasync takes longer.
 *
 *	SLOW_DISK_MS=20       by so many milliseconds, each time
 *	STUCK_DISK=FIFO       until somebody has opened FIFO for writing and closed it; where there is none, not
 *
 * A FIFO says more than a time could: its writer's open succeeds when a sync has come to it, and that sync
 * goes on when the writer closes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_ms(const char *text)
{
	long ms = strtol(text, NULL, 10);
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void wait_for_fifo(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	close(fd);
}

int fdatasync(int fd)
{
	const char *ms = getenv("SLOW_DISK_MS"), *fifo = getenv("STUCK_DISK");

	if (ms)
		wait_for_ms(ms);
	if (fifo)
		wait_for_fifo(fifo);
	return (int)syscall(SYS_fdatasync, fd);
}
