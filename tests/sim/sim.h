/* SPDX-License-Identifier: Apache-2.0 */
/* A seeded simulation: one number decides all that happens to a core, and an oracle says whether it was
 * right. README.md says how to read what it finds.
 *
 *	main.c     seeds, processes, what is printed, shrinking
 *	sim.c      one run: its chance, its trace, its steps
 *	steps.c    what may happen next, and how likely
 *	world      tests/kit/world.h: the disk, the clock
 *	people.c   who connects, subscribes, calls, resumes; hearing.c: what they may hear
 *	callers.c  single calls, messages for queues, plain HTTP, control
 *	kind*.c    the actors under test: what they write is what the oracle can count
 *	model.c    the oracle: what is on disk, who was told what
 *	settle.c   faults stop, time passes: nobody may wait for ever */
#ifndef TR_TESTS_SIM_SIM_H
#define TR_TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/kit/world.h"

#define SIM_KINDS 3
#define SIM_KEYS  3

/* The events that actors publish; their names on the wire are in model.c. */
enum sim_name { SAID, OTHER, RAN, TOOK, RANG, UNSET, HOOK, SIM_NAMES };

struct sim {
	struct tr_world world;
	uint64_t        seed;
	unsigned        step;
	bool            late;      /* the disk answers when a step says so */
	bool            settling;  /* faults have stopped */
	void          (*meanwhile)(void); /* what else happens while time passes; NULL: nothing */
	bool            loud;      /* the trace is printed as it grows */
	int64_t         latest_ms; /* that the system's clock has shown */
	unsigned        crashes, commits, heard; /* for the figures */
};
extern struct sim sim;

extern const struct troupe_kind *const sim_kinds[];
extern const char *const sim_kind_names[SIM_KINDS];

/* ---- sim.c */
/* One whole run. Steps for which keep says false are left out, and nothing else about the others changes;
 * NULL: all are done. Ends the process when something is wrong. */
void sim_run(uint64_t seed, unsigned steps, bool (*keep)(unsigned step));
void sim_begin(uint64_t seed); /* for a world: of what all runs have */
void sim_sow(uint64_t salt); /* chance begins anew, from the seed and this */
uint64_t sim_below(uint64_t n);
static inline bool sim_once_in(uint64_t n) { return sim_below(n) == 0; }
/* The latest time that the system's clock has shown: it may be set back. */
int64_t sim_latest(void);
/* A line of the trace; the last ones are printed with a failure. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Something is wrong: says what, with seed, step and trace, and ends the process. */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_show_trace(const char *what);
extern void (*sim_on_failure)(const char *what); /* is told before anything is printed; NULL: nobody */
#define sim_expect(condition, ...) do { if (!(condition)) sim_fail(__VA_ARGS__); } while (0)

/* ---- steps.c */
void sim_step(void);
void sim_crash(void);   /* the process is killed, and started again */

/* What happens in either world. */
void sim_disk_answers(void);
void sim_disk_turns(void);
void sim_disk_fails(void);
void sim_time_passes(void);

/* ---- people.c */
void people_begin(void);
void people_step(void);      /* one of them does something */
void people_listen(void);    /* everything that was heard is judged */
void people_crash(void);     /* their sockets are gone with the server */
void people_calm(void);      /* they read, and wait for what they asked for */
void people_settled(void);   /* judges that nobody waits */
void people_leave(bool closed_only);

/* ---- callers.c */
void callers_step(void);
void callers_crash(void);
void callers_settled(void);
/* A call that must come through. */
void callers_do(unsigned kind, unsigned key, const char *action, uint64_t op);
void callers_leave(void); /* who reads a stream goes */

/* ---- settle.c */
void sim_settle(void);
void sim_drain(void);

#endif
