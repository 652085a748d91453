#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything that must pass, in order of how soon it tells: checks, units, the same with sanitizers, fuzzing, end to end.
# The last line counts all.
set -u
passed=0 failed=0 started=$SECONDS
log=$(mktemp)
trap 'rm -f "$log"' EXIT

step() { # TITLE COMMAND...
	local title=$1 before=$SECONDS
	shift
	printf '\n==== %s\n' "$title"
	"$@" 2>&1 | tee "$log"
	local status=${PIPESTATUS[0]} counts
	counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
	if [ -n "$counts" ]; then
		passed=$((passed + ${counts%% *})) counts=${counts#*, }
		failed=$((failed + ${counts%% *}))
		[ "$status" -eq 0 ] || [ "${counts%% *}" -gt 0 ] || failed=$((failed + 1))
	elif [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
	printf '==== %s: %s, %d s\n' "$title" "$([ "$status" -eq 0 ] && echo well || echo FAILED)" $((SECONDS - before))
}

make=(make --no-print-directory)
step 'build'                       "${make[@]}" -j2 all
step 'check'                       "${make[@]}" check
step 'install and embed'           sh .make/embed.sh make
step 'build with clang'            "${make[@]}" -j2 CC=clang all
step 'units, ASan and UBSan'       "${make[@]}" -j2 SAN=address unit
step 'scenes, ASan and UBSan'      "${make[@]}" SAN=address scenes
step 'simulation, ASan and UBSan'  "${make[@]}" -j2 SAN=address sim
step 'clients, in Node'            sh .make/js.sh tests/js/*.test.mjs
step 'fuzz, 10 s each'             "${make[@]}" -j2 fuzz
step 'build with ASan and UBSan'   "${make[@]}" -j2 SAN=address all
step 'units, TSan'                 "${make[@]}" -j2 SAN=thread unit
step 'build with TSan'             "${make[@]}" -j2 SAN=thread all parity
step 'end to end'                  "${make[@]}" e2e
step 'end to end, ASan and UBSan'  "${make[@]}" SAN=address e2e
# The two threads meet where something is written: what waits for a slow disk, sleep and waking, queues.
for part in slow_disk sleep queues; do
	step "end to end, TSan: $part" "${make[@]}" SAN=thread e2e T=$part
done

printf '\n%d minutes %d seconds\n%d passed, %d failed\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)) $passed $failed
[ $failed -eq 0 ]
