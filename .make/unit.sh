#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs unit test programs and counts their tests: unit.sh PROGRAM...   What they say is shown when one fails.
set -u
[ $# -gt 0 ] || { echo "unit tests: there is nothing to run. Is T= misspelt?" >&2; exit 1; }
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
passed=0 failed=0
for program in "$@"; do
	printf '  RUN     %s' "${program#*/tests/unit/}"
	"$program" > "$log" 2>&1
	status=$?
	ok=$(grep -c '^\[       OK \]' "$log")
	bad=$(grep -c '^\[  FAILED  \] [A-Za-z_0-9]*$' "$log")
	[ "$bad" -gt 0 ] || [ $status -eq 0 ] || bad=1
	[ "$ok" -gt 0 ] || bad=$((bad + 1)) # a program without a test is a mistake
	passed=$((passed + ok)) failed=$((failed + bad))
	if [ "$bad" -gt 0 ]; then
		printf ': FAILED (exit %d)\n' $status
		cat "$log"
	else
		printf ': %d\n' "$ok"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
