/* SPDX-License-Identifier: Apache-2.0 */
/* A mistake of ours stops at the end of the turn in which it is made. Each is made in a child of this process. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kit/test.h"
#include "tests/kit/world.h"
#include "tests/unit/core/kinds.h"

#include "runtime/core/live.h"

static struct tr_world w;
static struct tr_someone ann;

static struct troupe_actor *actor(void)
{
	return tr_container(w.core->actors.next, struct troupe_actor, link);
}

static void nothing(void)
{
}

static void a_peer_too_many(void)
{
	actor()->peer_count++;
}

static void a_call_too_many(void)
{
	actor()->call_count++;
}

static void released_before_it_was_said(void)
{
	actor()->released = actor()->seq + 1;
}

static void an_item_that_nobody_has(void)
{
	actor()->writer.held++;
	actor()->writer.refs++;
}

static void a_reference_too_many(void)
{
	actor()->writer.refs++;
}

static void a_subscription_too_many(void)
{
	ann.conn->sub_count++;
}

static void catches_up_for_nothing(void)
{
	ann.conn->live = false;
}

/* The signal that it ended with; 0: none. */
static int ends_with(void (*mistake)(void))
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);

		signal(SIGABRT, SIG_DFL);
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		dup2(null, STDERR_FILENO);
		tr_world_open(&w, probe_kinds, NULL);
		tr_someone_joins(&ann, &w, "probe", "a", NULL);
		tr_world_turn(&w);
		mistake();
		tr_world_turn(&w);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) == 0 ? 0 : -1;
}

TEST(a_world_without_a_mistake_goes_on)
{
	assert_int_equal(ends_with(nothing), 0);
}

TEST(counts_are_the_lengths_of_lists)
{
	assert_int_equal(ends_with(a_peer_too_many), SIGABRT);
	assert_int_equal(ends_with(a_call_too_many), SIGABRT);
	assert_int_equal(ends_with(a_subscription_too_many), SIGABRT);
}

TEST(nothing_is_released_before_it_was_said)
{
	assert_int_equal(ends_with(released_before_it_was_said), SIGABRT);
}

TEST(references_are_those_of_the_roster_and_of_items)
{
	assert_int_equal(ends_with(a_reference_too_many), SIGABRT);
	assert_int_equal(ends_with(an_item_that_nobody_has), SIGABRT);
}

TEST(only_who_resumes_catches_up)
{
	assert_int_equal(ends_with(catches_up_for_nothing), SIGABRT);
}

TESTS(RUN(a_world_without_a_mistake_goes_on),
      RUN(counts_are_the_lengths_of_lists),
      RUN(nothing_is_released_before_it_was_said),
      RUN(references_are_those_of_the_roster_and_of_items),
      RUN(only_who_resumes_catches_up))
