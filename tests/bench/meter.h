/* SPDX-License-Identifier: Apache-2.0 */
/* What the bench reads from the system: time, CPU, memory; and what it does with many readings. */
#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

uint64_t bench_now_ns(void);

/* CPU time that a process has used in all its threads, in user space and in the kernel. Exact, where utime and stime of
 * /proc/PID/stat go in ticks of 10 ms. */
uint64_t bench_cpu_ns(pid_t pid);

/* Where a process runs decides more than what it does: on one core an echo here takes 15 us, on two, of which one sleeps
 * whenever it waits, 65 us, and left alone the kernel puts one server here and the other there. So the bench says where.
 * core: 0 is the one that the bench itself and all it starts use, 1 another. False: there are not so many. */
bool bench_pin(pid_t pid, int core);

/* Resident memory once it has stopped moving: bytes of all pages, mapped files included. */
size_t bench_resident(pid_t pid);

/* Readings of one thing. {0} is empty. */
struct bench_samples {
	double *values;
	size_t  count, room;
};

void   bench_sample(struct bench_samples *s, double value);
/* The value that the fraction q of all readings does not exceed; sorts. Without a reading it fails the figure. */
double bench_quantile(struct bench_samples *s, double q);
double bench_median(struct bench_samples *s);
/* Empty again. */
void   bench_samples_free(struct bench_samples *s);

/* This figure cannot be measured: says why on stderr, shows what running servers logged last, and ends the process with 1
 * (each figure has a process of its own, and takes its servers with it). */
__attribute__((format(printf, 1, 2), noreturn)) void bench_fail(const char *format, ...);

/* What is being done, on one line of the terminal that the next row overwrites. Without a terminal: nothing. */
__attribute__((format(printf, 1, 2))) void bench_progress(const char *format, ...);
void bench_progress_end(void);

/* Memory or the end. */
void *bench_resize(void *memory, size_t size);

#endif
