#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs tests/agents with the real coding agents, installing them (300 MB) when they are not there: agents.sh BUILD/troupe
set -u
program=$(realpath "$1")
cd "$(dirname "$0")/.." || exit 1
node=$(sh .make/node20.sh) || exit 1
cmp -s tests/agents/package-lock.json tests/agents/node_modules/.lock || {
	echo "agents: codex-acp and claude-agent-acp from npm"
	(cd tests/agents && npm ci --no-audit --no-fund && cp package-lock.json node_modules/.lock) || exit 1
}
TROUPE_BINARY=$program exec "$node" --test --test-timeout=600000 --test-reporter="$PWD/tests/e2e/kit/reporter.mjs" \
	tests/agents/agents.test.mjs
