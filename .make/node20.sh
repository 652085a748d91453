#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the path of a Node.js that is 20 or newer, which the end-to-end tests need (official clients use what Node 18 has
# not): the system's, or the one that .make/deps.sh brings.
cd "$(dirname "$0")/.." || exit 1
for node in "$(command -v node)" "$PWD"/build/node/node_modules/node-linux-*/bin/node; do
	[ -x "$node" ] || continue
	major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || continue
	[ "$major" -ge 20 ] 2>/dev/null || continue
	echo "$node"
	exit
done
echo "node20: there is no Node.js 20 or newer, neither in PATH nor in build/node. \`make deps-test\` installs one." >&2
exit 1
