#!/usr/bin/env bash
# Runs every module's tests with the race detector. What failed is told once more at the
# end, since the output is long.
#
# Usage: scripts/unit.sh module…
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0
for module in "$@"; do
  echo "go test -race $module"
  (cd "$module" && go test -race -timeout 20m ./...) 2>&1 | tee -a "$log" || failed=1
done
[ $failed -eq 0 ] && exit 0

echo
echo "What failed:"
grep -a -A 12 -E '^\s*--- FAIL|^panic:|^fatal error:|WARNING: DATA RACE' "$log" | grep -a -v -E '^(ok|PASS|\?) ' | head -n 80 || true
grep -a -E '^FAIL\s' "$log"
exit 1
