/* SPDX-License-Identifier: Apache-2.0 */
/* One run: its chance, its trace, its course. Nothing in here knows the time of day or the address of
 * anything, so a run is its seed's, always.
 *
 * Each step has chance of its own, which follows from the seed and the step's number: one that is left out
 * changes nothing of what the others choose. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/log.h"
#include "tests/sim/model.h"

#define TRACE_LINES 250
#define TRACE_WIDTH 160

struct sim sim;

/* ------------------------------------------------------------------ chance */

static uint64_t chance;

static uint64_t mix(uint64_t x) /* splitmix64 */
{
	x += 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

void sim_sow(uint64_t salt)
{
	chance = mix(mix(sim.seed) ^ salt);
}

uint64_t sim_below(uint64_t n)
{
	chance = mix(chance);
	return chance % n;
}

int64_t sim_latest(void)
{
	int64_t now = TR_WORLD_BEGINS_MS + sim.world.now_ms + sim.world.skew_ms;

	return sim.latest_ms = now > sim.latest_ms ? now : sim.latest_ms;
}

/* The linker puts these in the place of the runtime's: ids are the seed's as well. */
void __wrap_tr_random(void *into, size_t size);
void __wrap_tr_random_uuid(char into[37]);
void __wrap_tr_random_id(char *into, size_t characters);

void __wrap_tr_random(void *into, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)into)[i] = (uint8_t)sim_below(256);
}

void __wrap_tr_random_uuid(char into[37])
{
	snprintf(into, 37, "%08x-0000-4000-8000-%012" PRIx64, (unsigned)sim_below(1u << 31),
	         sim_below(1ull << 47));
}

void __wrap_tr_random_id(char *into, size_t characters)
{
	for (size_t i = 0; i < characters; i++)
		into[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[sim_below(36)];
	into[characters] = 0;
}

/* ------------------------------------------------------------------ the trace */

static char trace[TRACE_LINES][TRACE_WIDTH];
static unsigned trace_count;

void sim_note(const char *format, ...)
{
	char *line = trace[trace_count++ % TRACE_LINES];
	int size = snprintf(line, TRACE_WIDTH, "%5u %8" PRId64 "  ", sim.step, sim.world.now_ms);
	va_list args;

	va_start(args, format);
	vsnprintf(line + size, TRACE_WIDTH - (size_t)size, format, args);
	va_end(args);
	if (sim.loud)
		fprintf(stderr, "%s\n", line);
}

void (*sim_on_failure)(const char *what);

void sim_show_trace(const char *what)
{
	unsigned first = trace_count > TRACE_LINES ? trace_count - TRACE_LINES : 0;

	if (sim_on_failure)
		sim_on_failure(what);
	fprintf(stderr, "\nseed %" PRIu64 ", step %u, %" PRId64 " ms: %s\n", sim.seed, sim.step,
	        sim.world.now_ms, what);
	for (unsigned i = first; i < trace_count && !sim.loud; i++)
		fprintf(stderr, "  %s\n", trace[i % TRACE_LINES]);
}

void sim_fail(const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	sim_show_trace(what);
	_exit(1);
}

/* ------------------------------------------------------------------ a run */

void sim_begin(uint64_t seed)
{
	bool loud = sim.loud;

	sim = (struct sim){ .seed = seed, .loud = loud };
	trace_count = 0;
	sim_sow(0);
	sim.late = sim_below(4) != 0;
	sim_note("the disk answers %s", sim.late ? "late" : "at once");
}

void sim_run(uint64_t seed, unsigned steps, bool (*keep)(unsigned step))
{
	sim_begin(seed);
	model_begin();
	people_begin();
	tr_world_late = sim.late;
	tr_world_open(&sim.world, sim_kinds, NULL);
	sim.world.slow = true;
	sim.world.as_asked = sim_once_in(2);
	sim.world.on_commit = model_commit;
	for (sim.step = 1; sim.step <= steps; sim.step++) {
		if (keep && !keep(sim.step))
			continue;
		sim_sow(sim.step);
		sim_step();
	}
	sim_sow(sim.step);
	sim_settle();
	sim_drain();
	model_settled();
	tr_world_forget(&sim.world);
	model_end();
}
