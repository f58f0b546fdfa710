#!/usr/bin/env bash
# Runs modules' tests. The root module and those of tenant run with the race detector. Under it
# tests that only compute repeat less (testneed.Scale), so the packages that have such tests run
# once more without it, in full. Integration mostly waits for servers: it runs in full
# without the detector, and what has many goroutines of ours in it once more with it; make soak
# has all of it with it. What failed is told once more at the end, since the output is long.
#
# Usage: scripts/unit.sh module…
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# run runs go test in a module with what else it is given.
run() {
  local module=$1
  shift
  echo "go test $* in $module"
  (cd "$module" && go test "$@") 2>&1 | tee -a "$log" || failed=1
}

concurrent='^(TestCacheConformance|TestReplayConformance|TestDecisionsDuringPublicationsAreEachOnePolicys|TestOpenStreamsEndWithWhatLetThemIn|TestNoFloodRefusesAnotherTenantOrIsAllowedMore|TestSealKeysRotateUnderLoadWithoutALostSession|TestRevocationsAreBackAfterAFailoverBeforeAnyoneAsksForThem|TestRevocationReaches.*|TestNothingIsAllowedByAnOlderState)$'

for module in "$@"; do
  case $module in
  .)
    run . -race -timeout 20m ./...
    mapfile -t scaled < <(grep -rl --include='*_test.go' 'testneed\.Scale(' authz middleware session tenant internal | xargs -n1 dirname | sort -u)
    run . -timeout 20m "${scaled[@]/#/./}"
    ;;
  integration)
    run integration -timeout 20m ./...
    run integration -race -timeout 20m -run "$concurrent" .
    run integration -race -timeout 20m -run '^TestNoTenantMeetsAnotherInChaos$' ./pgxscope
    ;;
  tenant/*) run "$module" -race -timeout 20m ./... ;;
  *) run "$module" -timeout 20m ./... ;;
  esac
done
[ $failed -eq 0 ] && exit 0

echo
echo "What failed:"
grep -a -A 12 -E '^\s*--- FAIL|^panic:|^fatal error:|WARNING: DATA RACE' "$log" | grep -a -v -E '^(ok|PASS|\?) ' | head -n 80 || true
grep -a -E '^FAIL\s' "$log"
exit 1
