#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets for some seconds each: fuzz.sh SECONDS TARGET...   A finding is kept in build-fuzz/ and named.
set -u
seconds=$1
shift
[ $# -gt 0 ] || { echo "fuzzing: there is nothing to run. Is F= misspelt?" >&2; exit 1; }
passed=0 failed=0
for target in "$@"; do
	corpus=$target.corpus
	mkdir -p "$corpus"
	seeds=tests/fuzz/corpus/$(basename "$target")
	[ -d "$seeds" ] || seeds=
	printf '  FUZZ    %s, %s s' "$(basename "$target")" "$seconds"
	if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$target-" \
		"$corpus" $seeds > "$target.log" 2>&1; then
		runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$target.log")
		printf ': %s runs\n' "${runs:-no}"
		if [ "${runs:-0}" -gt 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	else
		failed=$((failed + 1))
		printf ': FOUND SOMETHING\n'
		tail -n 60 "$target.log"
	fi
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
