#!/usr/bin/env bash
# Runs two lists of make's targets beside each other, since the first computes and the second
# mostly waits for servers. What the second prints is shown when both have ended.
#
# Usage: scripts/lanes.sh "targets that compute" "targets that wait"
set -euo pipefail

log=$(mktemp)
# shellcheck disable=SC2086 # a lane is a list of targets
${MAKE:-make} --no-print-directory -k $2 >"$log" 2>&1 &
second=$!
trap 'kill "$second" 2>/dev/null || true; rm -f "$log"' EXIT

failed=0 second_failed=0
# shellcheck disable=SC2086
${MAKE:-make} --no-print-directory -k $1 || failed=1
wait "$second" || second_failed=1
cat "$log"
[ $failed -eq 0 ] || echo "failed, see above: make $1"
[ $second_failed -eq 0 ] || echo "failed: make $2"
[ $((failed + second_failed)) -eq 0 ]
