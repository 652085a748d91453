#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lines covered by the unit tests, a file a line: cover.sh BUILD_FOLDER
set -u
for f in proto runtime/base runtime/core runtime/store runtime/sandbox runtime/sandbox/wire runtime/sandbox/provider runtime/sandbox/session runtime/gate runtime/main; do
	for object in "$1/$f"/*.gcda; do
		[ -f "$object" ] || continue
		gcov -n -o "$(dirname "$object")" "$object" 2> /dev/null |
			awk -v want="$f/" '/^File/ { file = $2; gsub("\047", "", file) } /^Lines/ && index(file, want) == 1 { sub("Lines executed:", ""); print file, $0; file = "" }'
	done
done | sort -u | awk '{ printf "%-44s %s\n", $1, $2 " " $3 " " $4 }'
