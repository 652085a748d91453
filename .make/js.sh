#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs test files with Node's own runner and counts: js.sh FILE...   What failed is shown.
set -u
[ $# -gt 0 ] || { echo "JavaScript tests: there is nothing to run. Is T= misspelt?" >&2; exit 1; }
node=$(sh "$(dirname "$0")/node20.sh") || exit 1
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
"$node" --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=tap --test-reporter-destination="$log" "$@"
passed=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log")
failed=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log")
cancelled=$(sed -n 's/^# cancelled \([0-9]*\)$/\1/p' "$log")
failed=$((${failed:-1} + ${cancelled:-0}))
echo "${passed:-0} passed, $failed failed"
[ "$failed" -eq 0 ] && [ "${passed:-0}" -gt 0 ]
