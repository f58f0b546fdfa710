#!/usr/bin/env bash
# Runs modules' tests. Packages of the root module that share something between goroutines, and the
# modules of tenant, run with the race detector; the others of the root module run without it. A
# package that has tests which only compute (testneed.Scale) runs in full without it, and with it
# once more the tests of those files that start goroutines. Integration mostly waits for servers:
# it runs without the detector, but for a few tests that have many goroutines of ours in them.
# make soak has everything both ways. go vet has a target of its own. What failed is told once more
# at the end, since the output is long.
#
# What the detector is compiled into is compiled for it alone. Without inlining that takes half as
# long, which is more than the tests lose by it; tests that count allocations (testneed.Optimized) run
# without the detector.
#
# Usage: scripts/unit.sh module…, where raced and plain are the two parts of the root module
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# run runs go test in a module with what else it is given.
run() {
  local module=$1
  shift
  echo "go test in $module: ${*/#$PWD/.}"
  (cd "$module" && go test -vet=off "$@") 2>&1 | tee -a "$log" || failed=1
}

race=(-race '-gcflags=all=-dwarf=false -l')
concurrent='^(TestReplayConformance|TestDecisionsDuringPublicationsAreEachOnePolicys|TestOpenStreamsEndWithWhatLetThemIn|TestSealKeysRotateUnderLoadWithoutALostSession|TestRevocationsAreBackAfterAFailoverBeforeAnyoneAsksForThem|TestRevocationReachesEveryInstance|TestRevocationReachesAnInstanceThatIsCutOff)$'

concurrent_packages=() mixed_packages=() mixed_tests=() plain_packages=() counting_packages=() counting_tests=()

# sort_packages tells the packages of the root module apart.
sort_packages() {
  shares='"sync(/atomic)?"|testing/synctest|\bgo func|\.Go\('
  while read -r dir; do
    if ! grep -qE "$shares" "$dir"/*.go; then
      plain_packages+=("$dir")
    elif ! grep -qsE 'testneed\.Scale\(' "$dir"/*_test.go; then
      concurrent_packages+=("$dir")
      mapfile -t counting < <(awk '/^func Test/ { name = $2; sub(/\(.*/, "", name) } /testneed\.Optimized\(/ { print name }' "$dir"/*_test.go 2>/dev/null)
      [ ${#counting[@]} -eq 0 ] || { counting_packages+=("$dir"); counting_tests+=("${counting[@]}"); }
    else
      plain_packages+=("$dir")
      mapfile -t files < <(grep -lE "$shares" "$dir"/*_test.go 2>/dev/null)
      [ ${#files[@]} -gt 0 ] || continue
      mixed_packages+=("$dir")
      mapfile -t -O ${#mixed_tests[@]} mixed_tests < <(sed -nE 's/^func (Test[A-Za-z0-9_]+)\(.*/\1/p' "${files[@]}")
    fi
  done < <(go list -f '{{.Dir}}' ./...)
}

for module in "$@"; do
  case $module in
  raced)
    sort_packages
    run . "${race[@]}" -timeout 20m "${concurrent_packages[@]}"
    run . "${race[@]}" -timeout 20m -run "^($(IFS='|'; echo "${mixed_tests[*]}"))\$" "${mixed_packages[@]}"
    ;;
  plain)
    sort_packages
    run . -timeout 20m "${plain_packages[@]}"
    run . -timeout 20m -run "^($(IFS='|'; echo "${counting_tests[*]}"))\$" "${counting_packages[@]}"
    ;;
  integration)
    run integration -timeout 20m -parallel 4 -skip "$concurrent" ./... # they wait more than they compute
    run integration "${race[@]}" -timeout 20m -run "$concurrent" .
    ;;
  tenant/sqlscope/sqlitescope) run "$module" -timeout 20m ./... ;; # SQLite in Go takes a minute to build with the detector
  tenant/*) run "$module" "${race[@]}" -timeout 20m ./... ;;
  *) run "$module" -timeout 20m ./... ;;
  esac
done
[ $failed -eq 0 ] && exit 0

echo
echo "What failed:"
grep -a -A 12 -E '^\s*--- FAIL|^panic:|^fatal error:|WARNING: DATA RACE' "$log" | grep -a -v -E '^(ok|PASS|\?) ' | head -n 80 || true
grep -a -E '^FAIL\s' "$log"
exit 1
