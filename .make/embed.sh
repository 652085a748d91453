#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An embedder's way: installs into an empty folder, writes a kind of its own there, builds it with pkg-config alone, both
# ways of linking, and calls it over HTTP. embed.sh MAKE
set -eu
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait 2>/dev/null; rm -rf "$dir"' EXIT
$1 --no-print-directory install DESTDIR="$dir/root" PREFIX=/usr > "$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }

cat > "$dir/greeter.c" <<'C'
#include <troupe.h>

struct greeting { const char *name; };
static const struct troupe_record greeting = TROUPE_RECORD(greeting, TROUPE_FIELD(greeting, name, "name"));

static int greet(struct troupe_actor *a, struct troupe_call *call)
{
	(void)a;
	return troupe_reply(call, &greeting, troupe_args(call));
}

static const struct troupe_action actions[] = { { .name = "greet", .run = greet, .takes = &greeting }, { 0 } };
static const struct troupe_kind greeter = { .name = "greeter", .actions = actions };

int main(int argc, char **argv)
{
	return troupe_main(argc, argv, (const struct troupe_kind *const []){ &greeter, NULL });
}
C

export PKG_CONFIG_SYSROOT_DIR="$dir/root" PKG_CONFIG_PATH="$dir/root/usr/lib/pkgconfig"
cc -Wall -Wextra -Werror -o "$dir/shared" "$dir/greeter.c" $(pkg-config --cflags --libs troupe)
static=$(PKG_CONFIG_SYSROOT_DIR= pkg-config --static --libs troupe | sed 's/-L[^ ]*-ltroupe//; s/-ltroupe//')
cc -Wall -Wextra -Werror -o "$dir/static" "$dir/greeter.c" $(pkg-config --cflags troupe) "$dir/root/usr/lib/libtroupe.a" $static

passed=0
for program in shared static; do
	LD_LIBRARY_PATH="$dir/root/usr/lib" "$dir/$program" serve --listen 127.0.0.1:0 --data "$dir/data-$program" \
		--sandbox none --no-supervise 2> "$dir/$program.log" &
	server=$!
	for try in $(seq 100); do
		url=$(sed -n 's/.*server\.ready url=\([^ ]*\).*/\1/p' "$dir/$program.log")
		[ -z "$url" ] || break
		sleep 0.1
	done
	[ -n "$url" ] || { echo "the $program program did not come up:"; cat "$dir/$program.log"; exit 1; }
	answer=$(curl -sS -d '{"args":[{"name":"Ann"}]}' \
		"${url}gateway/greeter/action/greet?rvt-namespace=default&rvt-method=getOrCreate&rvt-runner=default&rvt-key=x")
	[ "$answer" = '{"output":{"name":"Ann"}}' ] || { echo "the $program program answered: $answer"; exit 1; }
	kill "$server"
	wait "$server" || { echo "the $program program did not end well: $?"; exit 1; }
	server=
	passed=$((passed + 1))
done
echo "$passed passed, 0 failed"
