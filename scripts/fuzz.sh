#!/usr/bin/env bash
# Runs each native fuzz target of every module for the given time (default 30s).
set -euo pipefail
time="${1:-30s}"
git ls-files '*_test.go' | xargs grep -l '^func Fuzz' | while read -r file; do
  grep -o '^func Fuzz[A-Za-z0-9_]*' "$file" | sed 's/^func //' | while read -r target; do
    dir="$(dirname "$file")"
    echo "== $dir $target"
    (cd "$dir" && go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" .)
  done
done
