#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets for some seconds each, one a core: fuzz.sh SECONDS TARGET...   A finding is kept in build-fuzz/ and named.
set -u
one() { # SECONDS TARGET: says in a line how often it ran, or what it found
	target=$2 corpus=$2.corpus seeds=tests/fuzz/corpus/${2##*/}
	mkdir -p "$corpus"
	[ -d "$seeds" ] || seeds=
	if "$target" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$target-" \
		"$corpus" $seeds > "$target.log" 2>&1; then
		runs=$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$target.log")
		printf '  FUZZ    %s, %s s: %s runs\n' "${target##*/}" "$1" "${runs:-no}"
	else
		printf '  FUZZ    %s, %s s: FOUND SOMETHING\n%s\n' "${target##*/}" "$1" "$(tail -n 60 "$target.log")"
	fi
}

if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit 0
fi
seconds=$1
shift
[ $# -gt 0 ] || { echo "fuzzing: there is nothing to run. Is F= misspelt?" >&2; exit 1; }
said=$(mktemp) || exit 1
trap 'rm -f "$said"' EXIT
printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh "$0" --one "$seconds" {} | tee "$said"
passed=$(grep -c '^  FUZZ .*: [1-9][0-9]* runs$' "$said")
echo "$passed passed, $(($# - passed)) failed"
[ "$passed" -eq $# ]
