#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the C source that links the page's files into the program: embed.sh OUT.c, run at the root of the tree.
#
# clients/web is served at /, clients/js beside it; index.html is / itself. OUT.c changes only when a file was added,
# removed or changed (its hash is the ETag), so that it can be written at each build and rebuilds only what it must.
set -eu
LC_ALL=C
export LC_ALL

type_of() {
	case $1 in
	*.html)      echo 'text/html; charset=utf-8' ;;
	*.js | *.mjs) echo 'text/javascript; charset=utf-8' ;;
	*.css)       echo 'text/css; charset=utf-8' ;;
	*.json)      echo 'application/json' ;;
	*.svg)       echo 'image/svg+xml' ;;
	*.png)       echo 'image/png' ;;
	*.ico)       echo 'image/x-icon' ;;
	*.woff2)     echo 'font/woff2' ;;
	*.ts | *.txt) echo 'text/plain; charset=utf-8' ;;
	esac
}

url_of() {
	case $1 in
	index.html) echo / ;;
	*)          echo "/$1" ;;
	esac
}

# The lines of the table go to $2, the bytes' declarations to stdout.
embed() {
	name=$(basename "$1")
	type=$(type_of "$name")
	if [ -z "$type" ] || [ ! -f "$1" ]; then
		return 0
	fi
	case $name in
	*[!A-Za-z0-9._-]*) echo "embed.sh: $1: only letters, digits, dots, dashes and underscores, please" >&2; exit 1 ;;
	esac
	count=$((count + 1))
	printf '__asm__(".section .rodata\\n.balign 16\\ntr_page_file_%d: .incbin \\"%s\\"\\n.previous\\n");\n' "$count" "$1"
	printf 'extern const char tr_page_file_%d[] __attribute__((visibility("hidden")));\n' "$count"
	printf '\t{ "%s", "%s", "\\"%s\\"", tr_page_file_%d, %d },\n' \
		"$(url_of "$name")" "$type" "$(sha256sum "$1" | cut -c 1-32)" "$count" "$(wc -c <"$1")" >>"$2"
}

out=$1
table=$out.table
new=$out.new
count=0
: >"$table"
{
	echo '/* Written by runtime/gate/embed.sh. */'
	echo '#include "runtime/gate/page.h"'
	echo
	for file in clients/web/* clients/js/*; do
		embed "$file" "$table"
	done
	echo
	echo 'const struct tr_page_file tr_page_files[] = {'
	cat "$table"
	echo '	{ 0 }'
	echo '};'
} >"$new"
rm "$table"
if cmp -s "$new" "$out"; then
	rm "$new"
else
	mv "$new" "$out"
fi
