#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs unit test programs, a few at a time since most of what they do is wait, and counts their tests: unit.sh PROGRAM...
# What they say is shown when one fails.
set -u
[ $# -gt 0 ] || { echo "unit tests: there is nothing to run. Is T= misspelt?" >&2; exit 1; }

if [ "$1" = --one ]; then # PROGRAM FOLDER: runs it, and leaves a line "OK BAD" in the folder
	program=$2 name=${2#*/tests/unit/}
	log=$3/$(echo "$name" | tr / .)
	"$program" > "$log" 2>&1
	status=$?
	ok=$(grep -c '^\[       OK \]' "$log")
	bad=$(grep -c '^\[  FAILED  \] [A-Za-z_0-9]*$' "$log")
	[ "$bad" -gt 0 ] || [ $status -eq 0 ] || bad=1
	[ "$ok" -gt 0 ] || bad=$((bad + 1)) # a program without a test is a mistake
	echo "$ok $bad" > "$log.count"
	if [ "$bad" -gt 0 ]; then
		printf '  RUN     %s: FAILED (exit %d)\n%s\n' "$name" $status "$(cat "$log")"
	else
		printf '  RUN     %s: %d\n' "$name" "$ok"
	fi
	exit 0
fi

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
printf '%s\n' "$@" | xargs -P "$(($(nproc) * 2))" -I{} sh "$0" --one {} "$folder"
passed=0 failed=0 ran=0
for count in "$folder"/*.count; do
	[ -e "$count" ] || continue
	read -r ok bad < "$count"
	passed=$((passed + ok)) failed=$((failed + bad)) ran=$((ran + 1))
done
[ $ran -eq $# ] || failed=$((failed + $# - ran)) # one that left no count
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
