#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the bench, or with B=echo one figure of it, with data on the disk where the build lies: bench.sh BUILD_FOLDER
# The servers end with the bench, whatever ends it; the data goes too.
set -u
out=$1 load=
mkdir -p "$out/bench"
dir=$(mktemp -d "$out/bench/data.XXXXXX") || exit 1
remove() { rm -rf "$dir" 2> /dev/null || { sleep 1; rm -rf "$dir"; }; }
stop() {
	[ -z "$load" ] || { kill "$load" 2> /dev/null; wait "$load"; }
	exit 130
}
trap remove EXIT
trap stop INT TERM HUP
"$out/bench/load" "$out/troupe" "$out/bench/bare" "$dir" ${B:+"$B"} &
load=$!
wait "$load"
