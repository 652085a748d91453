#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the end-to-end tests against a build and counts them: e2e.sh BUILD/troupe [WORD...]   WORD: only files whose name
# holds one of them. What a test says is shown when it fails, with the logs of the servers that it started.
set -u
[ -x "${1:-}" ] || { echo "e2e: ${1:-BUILD/troupe}: there is no such program. \`make\` builds one." >&2; exit 1; }
program=$(realpath "$1")
shift
cd "$(dirname "$0")/.." || exit 1
node=$(sh .make/node20.sh) || exit 1
wanted() { # FILE WORD...
	name=${1##*/}
	shift
	[ $# -gt 0 ] || return 0
	for word; do
		case $name in *"$word"*) return 0 ;; esac
	done
	return 1
}
files=
for file in tests/e2e/*.test.mjs; do
	wanted "$file" "$@" && files="$files $file"
done
[ -n "$files" ] || { echo "e2e: no file's name holds \"$*\". Is T= misspelt?" >&2; exit 1; }
tap=$(mktemp) || exit 1
trap 'rm -f "$tap"' EXIT

# $files is meant to be split
# shellcheck disable=SC2086
TROUPE_BINARY=$program "$node" --test --test-timeout=3600000 --test-concurrency=$(($(nproc) * 2)) \
	--test-reporter="$PWD/tests/e2e/kit/reporter.mjs" --test-reporter-destination=stdout \
	--test-reporter=tap --test-reporter-destination="$tap" $files
status=$?

count() { sed -n "s/^# $1 \([0-9]*\)\$/\1/p" "$tap" | tail -n 1; }
passed=$(count pass) failed=$(count fail) cancelled=$(count cancelled)
passed=${passed:-0} failed=$((${failed:-0} + ${cancelled:-0}))
[ "$failed" -gt 0 ] || [ $status -eq 0 ] || failed=1
[ "$((passed + failed))" -gt 0 ] || failed=1 # a run in which nothing ran
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
