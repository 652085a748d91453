#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a compiler does not see: the style of the text, includes that point the wrong way, files that call each other in a
# circle, headers that lean on others, and what cppcheck has to say: check.sh OBJECT... (of the library). Each rule prints
# file:line: what; any line is a failure. Each rule also proves that it looked at something.
set -u
export LC_ALL=C.UTF-8
found=0
say() { echo "$1"; found=1; }
must_have() { # WHAT COUNT
	[ "$2" -gt 0 ] || say "check: $1: nothing to look at"
}

mapfile -t c_files < <(git ls-files -co --exclude-standard '*.c' '*.h' | sort)
mapfile -t ours < <(git ls-files -co --exclude-standard | grep -vE '^(LICENSE|proto/vectors/|tests/vectors/)|package-lock.json$' | sort)
must_have "source files" ${#c_files[@]}

# ---- style
for f in "${c_files[@]}"; do
	[[ $(head -n 1 "$f") == *SPDX-License-Identifier:\ Apache-2.0* ]] || say "$f:1: the first line names the licence (SPDX)"
done
while IFS= read -r line; do say "$line: white space at the end of the line"; done < \
	<(grep -nE '[[:blank:]]+$' "${ours[@]}" | cut -d: -f1,2)
while IFS= read -r line; do say "$line: indent with tabs"; done < \
	<(grep -nE '^ {2,8}[^ *]' "${c_files[@]}" | grep -vE ' RUN\(' | cut -d: -f1,2) # more than that is alignment
# New code is at most 110 columns wide. wide.txt counts what is older: in no folder may there be more of it than there was.
while IFS= read -r line; do say "$line"; done < \
	<(perl -CSD .make/wide.pl .make/wide.txt "${c_files[@]}")
while IFS= read -r line; do say "$line: unfinished business"; done < \
	<(grep -nE '\b(TODO|FIXME|XXX|HACK)\b' "${c_files[@]}" | cut -d: -f1,2)
while IFS= read -r line; do say "$line: no typedef: write struct out"; done < \
	<(grep -nE '^\s*typedef (struct|union|enum)\b' "${c_files[@]}" | cut -d: -f1,2)
while IFS= read -r line; do say "$line: unbounded or unsafe: use the bounded kin"; done < \
	<(grep -nE '\b(strcat|sprintf|gets|vsprintf|strtok)\(' "${c_files[@]}" | cut -d: -f1,2)
while IFS= read -r line; do say "$line: the brace of a function stands alone"; done < \
	<(grep -nE '^[a-z].*\)\s*\{$' "${c_files[@]}" | grep -vE ':(TEST\(|struct .*= )' | cut -d: -f1,2)

# ---- layers: who may include whom (style.md 2). Includes are written from the root, so it shows in a grep
declare -A may=(
	[proto]='proto'
	[runtime/base]='runtime/base'
	[runtime/core]='runtime/core runtime/base runtime/troupe.h proto'
	[runtime/store]='runtime/store runtime/core runtime/base proto'
	[runtime/sandbox]='runtime/sandbox runtime/core runtime/base runtime/troupe.h proto'
	[runtime/sandbox/wire]='runtime/sandbox/wire runtime/base runtime/troupe.h proto'
	[runtime/sandbox/provider]='runtime/sandbox/provider runtime/sandbox/wire runtime/sandbox/times.h runtime/core/ports.h runtime/base runtime/troupe.h proto'
	[runtime/sandbox/session]='runtime/sandbox runtime/core runtime/base runtime/troupe.h proto'
	[runtime/gate]='runtime/gate runtime/core runtime/base proto'
	[runtime/main]='runtime proto'
	[actors]=''
)
looked=0
room_of() { # FILE: the innermost folder of the table that it is in
	local folder=${1%/*}
	while [ -n "$folder" ] && [ -z "${may[$folder]+there}" ]; do [[ $folder == */* ]] && folder=${folder%/*} || folder=; done
	echo "$folder"
}
declare -A files_of=()
for f in "${c_files[@]}"; do
	room=$(room_of "$f")
	[ -n "$room" ] && files_of[$room]+=" $f"
	[[ -n $room || $f == tests/* || $f == runtime/troupe.h ]] || say "$f: stands in no room of the table of layers"
done
for room in "${!may[@]}"; do
	must_have "files of $room" $(wc -w <<< "${files_of[$room]-}")
	while IFS=: read -r file line text; do
		looked=$((looked + 1))
		what=${text#*\"} what=${what%\"*} ok=
		[[ $file == proto/* || $file == runtime/troupe.h ]] && [[ $what == troupe_*.h ]] && ok=1
		[[ $room == actors && $file == actors/"${what%.h}"[._]* ]] && ok=1 # the header that the files of one kind share
		for allowed in ${may[$room]}; do [[ $what == "$allowed" || $what == "$allowed"/* ]] && ok=1; done
		[ -n "$ok" ] || say "$file:$line: $room may not include \"$what\""
	done < <(grep -nE '^#include "' /dev/null ${files_of[$room]-})
done
must_have "includes" $looked
while IFS= read -r line; do say "$line: the core knows no library"; done < \
	<(grep -nE '^#include <(event2|lmdb|libwebsockets|curl|uv|jansson|openssl)' /dev/null runtime/core/*.[ch] runtime/base/*.[ch] | cut -d: -f1,2)
while IFS= read -r line; do say "$line: nothing includes tests"; done < \
	<(grep -nE '^#include "tests/' /dev/null $(printf '%s\n' "${c_files[@]}" | grep -vE '^tests/') | cut -d: -f1,2)

# ---- bounds: what limits.h is for, by their names, is in no other file; nor is the beginning of an item's key but in
# spaces.h. proto knows nothing of ours: what it does not get handed in is its own (the form of a number, of a date)
looked=0
while IFS=: read -r file line text; do
	[ "$file" = runtime/base/limits.h ] && looked=$((looked + 1)) && continue
	say "$file:$line: a bound: it belongs into runtime/base/limits.h"
done < <(grep -nE '^(#define|\s*enum \{|static const [a-z0-9_ ]+|\s)\s*([A-Z0-9_]+_)?(MAX|LIMIT|MS|NS|BYTES|TRIES|DEPTH)(_MAX|_START)?\s*(=|\s)\s*[(0-9]' \
	$(printf '%s\n' "${c_files[@]}" | grep -E '^runtime/'))
must_have "bounds" $looked
spaces=$(sed -nE 's/^#define TR_(SPACE_[A-Z]+|OWED) +"([a-z]+)\/"$/\2/p' runtime/core/spaces.h | paste -sd '|')
must_have "spaces" ${#spaces}
while IFS= read -r line; do say "$line: the beginning of an item's key: runtime/core/spaces.h has a name for it"; done < \
	<(grep -nE "\"($spaces)/(%|\")" $(printf '%s\n' "${c_files[@]}" | grep -E '^(runtime|actors)/' | grep -v '^runtime/core/spaces.h$') | cut -d: -f1,2)

# ---- circles: files that call each other, by the objects' symbols
must_have "objects" $#
perl .make/circles.pl .make/circles.txt "$@" || found=1

# ---- each header compiles alone
looked=0
for header in $(printf '%s\n' "${c_files[@]}" | grep -E '^(proto|runtime|actors)/.*\.h$'); do
	looked=$((looked + 1)) paths='-I. -Iproto'
	[[ $header == actors/* ]] && paths+=' -Iruntime' # for <troupe.h>, which stands in build/include when it is built
	printf '#include "%s"\n' "$header" | ${CC:-gcc} -std=c11 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror $paths -x c - \
		2> /tmp/check.$$ || { say "$header: does not compile alone"; head -n 5 /tmp/check.$$; }
done
rm -f /tmp/check.$$
must_have "headers" $looked

# ---- the C++ compilers of embedders
printf '#include "runtime/troupe.h"\nint main() { return TROUPE_OK; }\n' | g++ -fsyntax-only -Wall -Wextra -Werror -I. -Iproto -x c++ - \
	|| say "runtime/troupe.h: does not compile as C++"

# ---- cppcheck
cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 -I. -Iproto -D_GNU_SOURCE \
	--suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=normalCheckLevelMaxBranches \
	--template='{file}:{line}: {message} ({id})' proto runtime actors || found=1

if [ $found -eq 0 ]; then echo "check: ${#c_files[@]} files, nothing to complain about"; fi
exit $found
