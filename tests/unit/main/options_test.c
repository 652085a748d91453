/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment: what is taken, what is refused, and that a refusal says what would do. */
#include "tests/kit/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "runtime/main/options.h"
#include "runtime/troupe.h"

static struct tr_options got;
static char said[8192], complained[8192]; /* on stdout, on stderr */

static void read_back(FILE *file, char into[8192])
{
	rewind(file);
	into[fread(into, 1, 8191, file)] = '\0';
	fclose(file);
}

/* Parses words separated by spaces, as the shell would give them; '_' alone stands for an empty word. */
static int parse(const char *line)
{
	static char words[1024]; /* lent to `got` */
	char *argv[64] = { "troupe" }, *rest = words, *word;
	FILE *out = tmpfile(), *err = tmpfile();
	int kept[2] = { dup(1), dup(2) }, argc = 1, outcome;

	strcpy(words, line);
	while ((word = strsep(&rest, " ")))
		if (*word)
			argv[argc++] = strcmp(word, "_") ? word : "";
	fflush(stdout);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	outcome = tr_options_parse(&got, argc, argv);
	fflush(stdout);
	dup2(kept[0], 1);
	dup2(kept[1], 2);
	close(kept[0]);
	close(kept[1]);
	read_back(out, said);
	read_back(err, complained);
	return outcome;
}

static void serves(const char *line)
{
	if (parse(line) != TR_OPTIONS_SERVE)
		fail_msg("`%s` is refused: %s", line, complained);
	assert_string_equal(complained, "");
	assert_string_equal(said, "");
}

static void listens(const char *text, const char *host, const char *port)
{
	char line[512];

	snprintf(line, sizeof(line), "serve --insecure --listen %s", text);
	serves(line);
	assert_string_equal(got.host, host);
	assert_string_equal(got.port, port);
}

/* Refused, naming `what`, in one paragraph on stderr. */
static void refuses(const char *line, const char *what)
{
	assert_int_equal(parse(line), TR_OPTIONS_EXIT_USAGE);
	assert_string_equal(said, "");
	if (!strstr(complained, what))
		fail_msg("`%s` says: %s", line, complained);
	assert_memory_equal(complained, "troupe: ", 8);
	assert_int_equal(complained[strlen(complained) - 1], '\n');
}

TEST(without_options_it_serves_this_machine_only)
{
	serves("serve");
	assert_string_equal(got.host, "127.0.0.1");
	assert_string_equal(got.port, "6420");
	assert_string_equal(got.data, "./data");
	assert_string_equal(got.sandbox, "local");
	assert_string_equal(got.agent, "mock");
	assert_int_equal(got.log_level, TR_LOG_INFO);
	assert_null(got.sandbox_token);
	assert_null(got.sandbox_ca);
	assert_null(got.sandbox_agent);
	assert_null(got.cwd);
	assert_null(got.token);
	assert_null(got.origins[0]);
	assert_false(got.log_json || got.insecure || got.no_supervise || got.show_errors);
}

TEST(every_option_reaches_its_field)
{
	serves("serve --listen 127.0.0.2:81 --data /d --sandbox https://box.example/x --agent claude --cwd /w "
	       "--sandbox-token st --sandbox-ca /ca.pem --sandbox-agent /bin/sa --token=t=1 --allow-origin https://a.example:444 "
	       "--allow-origin=http://b --log-level debug --log-format json --insecure --no-supervise --show-errors "
	       "--trust-proxy 2001:DB8:0::1");
	assert_string_equal(got.host, "127.0.0.2");
	assert_string_equal(got.port, "81");
	assert_string_equal(got.data, "/d");
	assert_string_equal(got.sandbox, "https://box.example/x");
	assert_string_equal(got.agent, "claude");
	assert_string_equal(got.cwd, "/w");
	assert_string_equal(got.sandbox_token, "st");
	assert_string_equal(got.sandbox_ca, "/ca.pem");
	assert_string_equal(got.sandbox_agent, "/bin/sa");
	assert_string_equal(got.token, "t=1");
	assert_string_equal(got.origins[0], "https://a.example:444");
	assert_string_equal(got.origins[1], "http://b");
	assert_null(got.origins[2]);
	assert_int_equal(got.log_level, TR_LOG_DEBUG);
	assert_true(got.log_json && got.insecure && got.no_supervise && got.show_errors);
	assert_string_equal(got.proxy, "2001:db8::1");
}

TEST(an_address_is_taken_apart)
{
	listens("0.0.0.0:0", "0.0.0.0", "0");
	listens("10.1.2.3:65535", "10.1.2.3", "65535");
	listens("[::1]:6420", "::1", "6420");
	listens("[::]:1", "::", "1");
	listens("[fe80::1%lo]:80", "fe80::1%lo", "80");
	listens("localhost:80", "127.0.0.1", "80");
}

TEST(a_bad_address_is_refused_with_one_that_would_do)
{
	refuses("serve --listen 127.0.0.1:99999",
		"--listen 127.0.0.1:99999: the port must be 1 to 65535, or 0 for any free one, e.g. --listen 127.0.0.1:6420\n");
	refuses("serve --listen 127.0.0.1:", "the port must be");
	refuses("serve --listen 127.0.0.1:-1", "the port must be");
	refuses("serve --listen 127.0.0.1:80x", "the port must be");
	refuses("serve --listen 127.0.0.1:000080", "the port must be");
	refuses("serve --listen 127.0.0.1", "HOST:PORT");
	refuses("serve --listen :80", "the address before the port is missing");
	refuses("serve --listen ::1:80", "in brackets");
	refuses("serve --listen [::1]80", "after the bracketed address");
	refuses("serve --listen [::1]", "after the bracketed address");
	refuses("serve --listen [:80", "after the bracketed address");
	refuses("serve --listen []:80", "the address before the port is missing");
	refuses("serve --listen [127.0.0.1]:80", "in numbers");
	refuses("serve --listen [::g]:80", "in numbers");
	refuses("serve --listen example.com:80", "in numbers");
	refuses("serve --listen 1:80", "in numbers");
	refuses("serve --listen _", "the value is empty");
}

TEST(an_address_longer_than_its_room_is_refused)
{
	char line[400] = "serve --listen ";

	memset(line + strlen(line), '1', 300);
	strcpy(line + strlen(line), ":80");
	refuses(line, "too long");
}

TEST(other_machines_come_in_by_token_or_by_word_only)
{
	refuses("serve --listen 0.0.0.0:6420", "TROUPE_TOKEN");
	assert_non_null(strstr(complained, "--insecure"));
	refuses("serve --listen 192.168.1.2:6420", "other machines");
	refuses("serve --listen [::]:6420", "other machines");
	refuses("serve --listen [::ffff:10.0.0.1]:6420", "other machines");
	serves("serve --listen 0.0.0.0:6420 --token t");
	serves("serve --listen 0.0.0.0:6420 --insecure");
	serves("serve --listen 127.8.9.10:6420");
	serves("serve --listen [::1]:6420");
	serves("serve --listen [::ffff:127.0.0.1]:6420");
}

TEST(a_token_is_never_empty_and_never_printed)
{
	refuses("serve --token _", "--token: the token is empty");
	refuses("serve --token=", "--token: the token is empty");
	refuses("serve --sandbox http://h --sandbox-token _", "--sandbox-token: the token is empty");
	refuses("serve --token gr\xc3\xbcn", "printable ASCII");
	assert_null(strstr(complained, "gr"));
	refuses("serve --tokken=hush", "Did you mean --token?");
	assert_null(strstr(complained, "hush"));
	refuses("serve --insecure=hush", "takes no value");
	assert_null(strstr(complained, "hush"));
	setenv("TROUPE_TOKEN", "", 1);
	refuses("serve", "TROUPE_TOKEN: the token is empty");
	setenv("TROUPE_TOKEN", "a\nb", 1);
	refuses("serve", "TROUPE_TOKEN: a token may hold");
	unsetenv("TROUPE_TOKEN");
}

TEST(what_people_need_not_be_asked_and_how_long_they_may_think)
{
	serves("serve");
	assert_int_equal(got.permission_s, 0);
	assert_null(got.auto_approve);
	serves("serve --permission-time 600 --auto-approve read,search");
	assert_int_equal(got.permission_s, 600);
	assert_string_equal(got.auto_approve, "read,search");
	assert_false(got.dispose);
	serves("serve --permission-time 0 --auto-approve *");
	refuses("serve --permission-time -1", "number of seconds");
	refuses("serve --permission-time 10m", "number of seconds");
	refuses("serve --permission-time 99999999999999999999", "number of seconds");
	refuses("serve --auto-approve reading", "like read,search, or *");
}

TEST(messages_may_be_larger_than_on_rivet)
{
	serves("serve");
	assert_int_equal(got.message_size, 0);
	serves("serve --message-size 64k");
	assert_int_equal(got.message_size, 65536);
	serves("serve --message-size 4M");
	assert_int_equal(got.message_size, 4194304);
	serves("serve --message-size 100000");
	assert_int_equal(got.message_size, 100000);
	refuses("serve --message-size 65535", "from 64k to 4M");
	refuses("serve --message-size 4194305", "from 64k to 4M");
	refuses("serve --message-size 5M", "from 64k to 4M");
	refuses("serve --message-size 18014398509481985k", "from 64k to 4M");
	refuses("serve --message-size 99999999999999999999M", "from 64k to 4M");
	refuses("serve --message-size 1Mb", "from 64k to 4M");
	refuses("serve --message-size -1M", "from 64k to 4M");
	refuses("serve --message-size M", "from 64k to 4M");
}

TEST(observers_have_a_token_besides_the_other)
{
	serves("serve --token a --observer-token b");
	assert_string_equal(got.observer_token, "b");
	refuses("serve --observer-token b", "--observer-token goes with --token");
	refuses("serve --token a --observer-token a", "the same as --token");
	refuses("serve --token a --observer-token=", "--observer-token: the token is empty");
}

TEST(agents_are_kept_or_ended_when_their_actors_sleep)
{
	serves("serve --agent-on-sleep dispose");
	assert_true(got.dispose);
	serves("serve --agent-on-sleep keep");
	assert_false(got.dispose);
	assert_false(got.pause);
	serves("serve --agent-on-sleep pause");
	assert_true(got.pause);
	assert_false(got.dispose);
	refuses("serve --agent-on-sleep end", "keep, dispose or pause");
}

TEST(a_sandbox_is_local_none_or_a_url)
{
	serves("serve --sandbox none");
	serves("serve --sandbox http://[::1]:2468/prefix/");
	refuses("serve --sandbox remote", "local, none or a URL");
	refuses("serve --sandbox ftp://host", "local, none or a URL");
	refuses("serve --sandbox http://", "must have a host");
	refuses("serve --sandbox http:///path", "must have a host");
	refuses("serve --sandbox http://host?x", "must have a host");
	refuses("serve --sandbox http://me:word@host", "--sandbox-token");
	serves("serve --sandbox http://host/@");
	refuses("serve --sandbox-token x", "a token of its own");
	refuses("serve --sandbox none --sandbox-token x", "no sandbox");
}

TEST(agents_work_in_a_directory_that_is_there)
{
	serves("serve --cwd /tmp");
	serves("serve --cwd .");
	refuses("serve --cwd /no/such/place", "/no/such/place: this is no directory");
	refuses("serve --cwd /dev/null", "no directory");
	serves("serve --sandbox http://elsewhere --cwd /no/such/place");
	refuses("serve --sandbox http://elsewhere --cwd work", "absolute");
}

TEST(an_origin_has_a_scheme_and_no_path)
{
	serves("serve --allow-origin *");
	assert_string_equal(got.origins[0], "*");
	refuses("serve --allow-origin app.example.com", "SCHEME://HOST");
	refuses("serve --allow-origin https://app.example.com/", "without a path");
	refuses("serve --allow-origin ://x", "SCHEME://HOST");
	refuses("serve --allow-origin https://", "SCHEME://HOST");
}

TEST(sixteen_origins_fit_and_not_one_more)
{
	char line[1024] = "serve";

	for (int i = 0; i < 16; i++)
		strcpy(line + strlen(line), " --allow-origin http://a");
	serves(line);
	assert_non_null(got.origins[15]);
	assert_null(got.origins[16]);
	strcpy(line + strlen(line), " --allow-origin http://b");
	refuses(line, "more than 16");
}

TEST(names_and_words_are_checked)
{
	refuses("serve --agent cl/aude", "an agent's name");
	refuses("serve --log-level loud", "--log-level loud: it must be error, warn, info or debug");
	refuses("serve --log-format xml", "human or json");
	refuses("serve --data _", "the value is empty");
	refuses("serve here", "'here'");
	refuses("start", "'start'");
	refuses("--listen 127.0.0.1:1 serve", "before the options");
}

TEST(an_unknown_option_is_answered_with_the_nearest)
{
	refuses("serve --lisen 127.0.0.1:1", "there is no option --lisen. Did you mean --listen?");
	refuses("serve --origin x", "no option --origin");
	refuses("serve --allow-origins=x", "Did you mean --allow-origin?");
	refuses("serve --nosupervise", "Did you mean --no-supervise?");
	refuses("serve --sandbox-tok x", "Did you mean --sandbox-token?");
	refuses("serve -l", "no option -l");
	refuses("serve --", "no option --");
	refuses("serve --frobnicate", "no option --frobnicate. `troupe");
}

TEST(a_missing_value_is_not_taken_from_the_next_option)
{
	refuses("serve --token --insecure", "--token: its value is missing");
	refuses("serve --listen", "e.g. --listen 127.0.0.1:6420");
	serves("serve --token=--insecure");
	assert_string_equal(got.token, "--insecure");
	assert_false(got.insecure);
}

TEST(the_environment_speaks_when_the_command_line_does_not)
{
	setenv("TROUPE_LISTEN", "127.0.0.1:7", 1);
	setenv("TROUPE_LOG_LEVEL", "warn", 1);
	setenv("TROUPE_NO_SUPERVISE", "yes", 1);
	setenv("TROUPE_INSECURE", "0", 1);
	setenv("TROUPE_DATA", "", 1);
	serves("serve --log-level error");
	assert_string_equal(got.port, "7");
	assert_int_equal(got.log_level, TR_LOG_ERROR);
	assert_true(got.no_supervise);
	assert_false(got.insecure);
	assert_string_equal(got.data, "./data");
	setenv("TROUPE_LISTEN", "127.0.0.1:x", 1);
	refuses("serve", "TROUPE_LISTEN=127.0.0.1:x: the port must be");
	assert_non_null(strstr(complained, "e.g. TROUPE_LISTEN=127.0.0.1:6420"));
	serves("serve --listen 127.0.0.1:8");
	setenv("TROUPE_NO_SUPERVISE", "maybe", 1);
	refuses("serve --listen 127.0.0.1:8", "TROUPE_NO_SUPERVISE=maybe: it must be 1 or 0");
	unsetenv("TROUPE_LISTEN");
	unsetenv("TROUPE_LOG_LEVEL");
	unsetenv("TROUPE_NO_SUPERVISE");
	unsetenv("TROUPE_INSECURE");
	unsetenv("TROUPE_DATA");
}

TEST(the_environment_lists_origins)
{
	setenv("TROUPE_ALLOW_ORIGIN", " https://a,https://b  https://c ", 1);
	serves("serve");
	assert_string_equal(got.origins[0], "https://a");
	assert_string_equal(got.origins[2], "https://c");
	assert_null(got.origins[3]);
	serves("serve --allow-origin https://d");
	assert_string_equal(got.origins[0], "https://d");
	assert_null(got.origins[1]);
	setenv("TROUPE_ALLOW_ORIGIN", "https://a nonsense", 1);
	refuses("serve", "TROUPE_ALLOW_ORIGIN=nonsense");
	unsetenv("TROUPE_ALLOW_ORIGIN");
}

TEST(providers_are_named_one_by_one)
{
	serves("serve");
	assert_null(got.providers[0]);
	assert_false(got.private_sandboxes);
	serves("serve --provider local --provider url --allow-private-sandboxes");
	assert_string_equal(got.providers[0], "local");
	assert_string_equal(got.providers[1], "url");
	assert_null(got.providers[2]);
	assert_true(got.private_sandboxes);
	setenv("TROUPE_PROVIDER", "url local", 1);
	serves("serve");
	assert_string_equal(got.providers[0], "url");
	assert_string_equal(got.providers[1], "local");
	unsetenv("TROUPE_PROVIDER");
	refuses("serve --provider nowhere", "--provider nowhere: nobody knows it");
	serves("serve --provider mine --provider-options f.json");
	assert_string_equal(got.provider_options, "f.json");
	serves("serve --provider daytona --provider-modules /");
	assert_string_equal(got.provider_modules, "/");
	refuses("serve --provider-modules /nowhere", "--provider-modules /nowhere: this is no directory");
	refuses("serve --provider a/b", "a provider's name has letters");
}

TEST(help_and_version_go_to_stdout)
{
	static const char *const asks[] = { "--help", "-h", "help", "serve --help", "serve -h", "serve --insecure --help" };

	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++) {
		assert_int_equal(parse(asks[i]), TR_OPTIONS_EXIT_OK);
		assert_string_equal(complained, "");
		assert_non_null(strstr(said, "--no-supervise"));
	}
	assert_int_equal(parse("--version"), TR_OPTIONS_EXIT_OK);
	assert_string_equal(said, "troupe " TROUPE_VERSION "\n");
	assert_int_equal(parse("serve --version"), TR_OPTIONS_EXIT_OK);
}

TEST(help_fits_a_terminal)
{
	parse("--help");
	for (char *rest = said, *line; (line = strsep(&rest, "\n"));)
		if (strlen(line) > 80)
			fail_msg("%zu columns: %s", strlen(line), line);
}

TEST(without_a_command_a_short_help_comes)
{
	assert_int_equal(parse(""), TR_OPTIONS_EXIT_USAGE);
	assert_string_equal(said, "");
	assert_non_null(strstr(complained, "Usage: troupe serve"));
	assert_null(strstr(complained, "--no-supervise"));
}

TESTS(RUN(without_options_it_serves_this_machine_only), RUN(every_option_reaches_its_field),
      RUN(an_address_is_taken_apart), RUN(a_bad_address_is_refused_with_one_that_would_do),
      RUN(an_address_longer_than_its_room_is_refused),
      RUN(other_machines_come_in_by_token_or_by_word_only), RUN(a_token_is_never_empty_and_never_printed),
      RUN(messages_may_be_larger_than_on_rivet),
      RUN(observers_have_a_token_besides_the_other),
      RUN(agents_are_kept_or_ended_when_their_actors_sleep),
      RUN(what_people_need_not_be_asked_and_how_long_they_may_think),
      RUN(a_sandbox_is_local_none_or_a_url), RUN(agents_work_in_a_directory_that_is_there),
      RUN(an_origin_has_a_scheme_and_no_path), RUN(sixteen_origins_fit_and_not_one_more),
      RUN(names_and_words_are_checked), RUN(an_unknown_option_is_answered_with_the_nearest),
      RUN(a_missing_value_is_not_taken_from_the_next_option),
      RUN(the_environment_speaks_when_the_command_line_does_not), RUN(the_environment_lists_origins),
      RUN(providers_are_named_one_by_one), RUN(help_and_version_go_to_stdout), RUN(help_fits_a_terminal),
      RUN(without_a_command_a_short_help_comes))
