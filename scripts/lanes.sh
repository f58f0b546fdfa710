#!/usr/bin/env bash
# Runs make's targets beside each other, since some compute and some mostly wait for servers. What
# the first prints is shown at once, what the others print when all have ended.
#
# Usage: scripts/lanes.sh target…
set -euo pipefail

logs=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$logs"' EXIT

first=$1
shift
for target in "$@"; do
  ${MAKE:-make} --no-print-directory "$target" >"$logs/$target" 2>&1 &
  pids+=($!)
done
failed=()
${MAKE:-make} --no-print-directory "$first" || failed+=("$first")
i=0
for target in "$@"; do
  wait "${pids[$i]}" || failed+=("$target")
  i=$((i + 1))
done
for target in "$@"; do
  cat "$logs/$target"
done
[ ${#failed[@]} -eq 0 ] && exit 0
echo "failed, see above: make ${failed[*]}"
exit 1
