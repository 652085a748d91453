#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Is the oracle awake? Each patch in faults/ puts one fault into a copy of the sources; the simulation must find it, with
# sanitizers. mutants.sh [NAME...]: these. 10,000 seeds at most are tried of each.
set -u
seeds=10000 here=$(pwd) passed=0 failed=0
copy=$(mktemp -d) || exit 1
trap 'rm -rf "$copy"' EXIT
git ls-files -co --exclude-standard -z proto runtime actors tests/kit tests/sim Makefile clients | tar c --null -T - | tar x -C "$copy"
cd "$copy" || exit 1
build() { make --no-print-directory -j2 SAN=address build-address/sim; }

build > build.log 2>&1 || { tail -n 20 build.log; echo 'without any fault it does not build'; exit 1; }
for patch in "$here"/tests/sim/faults/*.patch; do
	name=$(basename "$patch" .patch)
	[ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
	if patch -s -p1 < "$patch" && build > build.log 2>&1; then
		found=$(SHRINK=0 STOP=1 build-address/sim "$seeds" 2> /dev/null | grep -a -m 1 ' fails, ')
		if [ -n "$found" ]; then
			echo "  found   $name: $found"
			passed=$((passed + 1))
		else
			echo "  MISSED  $name"
			failed=$((failed + 1))
		fi
	else
		echo "  STALE   $name: it does not apply, or does not build"
		failed=$((failed + 1))
	fi
	patch -s -R -p1 < "$patch"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
