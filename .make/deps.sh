#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What Troupe needs from outside, installed when it is missing: `deps.sh` for building and running, `deps.sh test` for
# the tests as well. Where nothing is missing it touches no network and says one line.
#
# A row is: Debian's package | how to tell that it is there | what for. It is there when dpkg says so, or when
#	command NAME...   one of these programs is found, whoever installed it
#	library NAME      pkg-config knows it
#	file PATTERN      a file matches
set -u
cd "$(dirname "$0")/.." || exit 1
what=${1:-build}

rows() {
	cat <<-'ROWS'
		gcc|command cc|compiles Troupe
		libc6-dev|file /usr/include/stdio.h|compiles Troupe
		make|command make|runs the Makefile
		pkg-config|command pkg-config|finds the libraries
		libevent-dev|library libevent|event loop
		libmsgpack-dev|library msgpack|stored values
		liblmdb-dev|library lmdb|the store
		libuv1-dev|library libuv|carries the loop of libwebsockets
		libwebsockets-dev|library libwebsockets|WebSocket
		libwebsockets-evlib-uv|file /usr/lib/*/libwebsockets-evlib_uv.so|WebSocket, on libuv
		libcurl4-openssl-dev|library libcurl|requests to sandboxes
		libssl-dev|library libcrypto|hashes
		nodejs|command node|the demonstration agent
		npm|command npm|installs the sandbox-agent
	ROWS
	[ "$what" = test ] && cat <<-'ROWS'
		libcmocka-dev|library cmocka|unit tests
		libjansson-dev|library jansson|reads the test vectors
		g++|command g++|the headers are C++ as well
		clang|command clang|fuzzing
		libclang-rt-dev|file /usr/lib/clang/*/lib/*/libclang_rt.fuzzer*|fuzzing
		llvm|command llvm-cov llvm-cov-14|coverage
		cppcheck|command cppcheck|make check
		git|command git|make check
		curl|command curl|end-to-end tests
		chromium|command chromium chromium-browser google-chrome|end-to-end tests of the page
		nginx-light|command nginx /usr/sbin/nginx|end-to-end tests through a proxy
		openssl|command openssl|certificates for that
	ROWS
}

there() { # PACKAGE KIND NAME...
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] && return
	kind=$2
	shift 2
	for name in "$@"; do
		case $kind in
		command) command -v "$name" >/dev/null && return ;;
		library) pkg-config --exists "$name" 2>/dev/null && return ;;
		file)    [ -e "$name" ] && return ;;
		esac
	done
	return 1
}

give_up() {
	echo "deps: $1" >&2
	exit 1
}

# ---- packages
missing=
for_what=
while IFS='|' read -r package how why; do
	# $how is meant to be split and its pattern to be expanded
	# shellcheck disable=SC2086
	there "$package" $how && continue
	missing="$missing $package"
	for_what="$for_what
  $package: $why"
done <<-ROWS
	$(rows)
ROWS

install_packages() {
	command -v apt-get >/dev/null ||
		give_up "there is no apt-get here. Install what these Debian packages hold, then try again:$for_what"
	as_root=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null ||
			give_up "these packages are missing:$for_what
Installing them takes root. Run this as root: apt-get install$missing"
		as_root=sudo
		echo "deps: installing packages takes root, so sudo may ask for your password."
	fi
	echo "deps: these packages are missing and are installed now:$for_what"
	# shellcheck disable=SC2086
	$as_root apt-get update -q &&
		$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing ||
		give_up "apt-get could not install them (see above). Run it by hand, then try again: apt-get install$missing"
}

# ---- npm
# A copy of the lock file in node_modules tells what lies there; it is put there last.
did=
# Debian 12's Node 18 and npm 9 do for the demonstration. The official clients want a newer Node, and their lock file a
# newer npm: both are npm packages, kept apart in build/node.
newer_node() {
	sh .make/node20.sh >/dev/null 2>&1 && return
	case $(uname -m) in
		x86_64) arch=x64 ;;
		aarch64) arch=arm64 ;;
		*) give_up "the tests need Node.js 20 or newer, and npm has none for $(uname -m). Install one and put it in PATH." ;;
	esac
	echo "deps: a newer Node.js from npm, for the end-to-end tests"
	did=1
	mkdir -p build/node
	npm install --prefix build/node --no-save --no-package-lock --ignore-scripts --no-audit --no-fund \
		"node-linux-$arch@20.20.2" npm@10.9.4 || give_up "npm could not install it (see above). Is the npm registry reached?"
}

# npm as it is, or the newer one with the newer Node.
newer_npm() {
	node=$(sh .make/node20.sh) || exit 1
	if [ -e build/node/node_modules/npm/bin/npm-cli.js ]; then
		PATH="$(dirname "$node"):$PATH" "$node" build/node/node_modules/npm/bin/npm-cli.js "$@"
	else
		npm "$@"
	fi
}

npm_folder() { # FOLDER WHAT-FOR NPM
	[ -e "$1/package-lock.json" ] || return 0
	cmp -s "$1/package-lock.json" "$1/node_modules/.lock" && return
	echo "deps: npm ci in $1, for $2"
	did=1
	"$3" ci --prefix "$1" --no-audit --no-fund ||
		give_up "npm could not install what $1/package-lock.json lists (see above). Is the npm registry reached?"
	cp "$1/package-lock.json" "$1/node_modules/.lock"
}

if [ -n "$missing" ]; then
	install_packages
	did=1
fi
npm_folder clients/demo "the sandbox-agent and the demonstration agent" npm
if [ "$what" = test ]; then
	newer_node
	npm_folder tests/e2e "the end-to-end tests" newer_npm
	ls tests/e2e/node_modules/node-linux-*/bin/node >/dev/null 2>&1 ||
		give_up "there is no Node.js 22 in tests/e2e/node_modules, which npm should have put there. (Was it told to leave out optional
packages?) Remove tests/e2e/node_modules, then try again."
	npm_folder tests/providers "the end-to-end tests of providers" newer_npm
fi
ls clients/demo/node_modules/@sandbox-agent/cli-linux-*/bin/sandbox-agent >/dev/null 2>&1 ||
	give_up "there is no sandbox-agent program for this kind of machine ($(uname -sm)) in npm.
Troupe itself runs: use --sandbox URL or --sandbox none. (Or npm was told to leave out optional packages.)"
[ -n "$did" ] && echo "deps: done" || echo "deps: everything is there"
