#!/usr/bin/env bash
# Says what the checked-out policy decides otherwise than the one at a commit: in the summary of a
# GitHub job, and as one comment of the pull request, which later runs change. Used by action.yml.
#
# Environment: POLICIES the folder, BASE the commit, FAIL_ON none, wider or any, COMMENT true or not;
# for the comment PULL, GITHUB_REPOSITORY and GH_TOKEN; GITHUB_STEP_SUMMARY for the summary.
set -euo pipefail

case "$FAIL_ON" in
none | wider | any) ;;
*)
  echo "::error::fail-on is none, wider or any"
  exit 2
  ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$(realpath --relative-to="$(git rev-parse --show-toplevel)" "$POLICIES")
cd "$(git rev-parse --show-toplevel)"

git cat-file -e "$BASE^{commit}" 2>/dev/null || git fetch --quiet --depth=1 origin "$BASE"
marker="<!-- reeve impact of $folder -->"
code=0
if git cat-file -e "$BASE:$folder/model.conf" 2>/dev/null; then
  git archive "$BASE" -- "$folder" | tar -x -C "$work"
  # The exit code is 1 for what is wider, whatever is narrower.
  reeve diff "$work/$folder" "$folder" --format md --fail-on wider >"$work/table.md" 2>"$work/error.txt" || code=$?
else
  echo "The policy is new: there is none to compare it with." >"$work/table.md"
fi
{
  echo "$marker"
  echo "### Impact on \`$folder\`"
  echo
  case $code in
  0 | 1) cat "$work/table.md" ;;
  *)
    echo "It cannot be told:"
    echo
    sed "s|^|    |; s|$work/|before: |g" "$work/error.txt"
    ;;
  esac
} >"$work/body.md"
cat "$work/body.md" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"

# comment leaves one comment. A pull request from a fork has a token that may not.
comment() {
  # GitHub takes 65,536 characters.
  if [ "$(wc -c <"$work/body.md")" -gt 60000 ]; then
    head -c 60000 "$work/body.md" | sed '$d' >"$work/short.md"
    printf '\nThe table is longer: the summary of the job has all of it.\n' >>"$work/short.md"
    mv "$work/short.md" "$work/body.md"
  fi
  local id
  id=$(gh api --paginate "repos/$GITHUB_REPOSITORY/issues/$PULL/comments" \
    --jq ".[] | select(.user.type == \"Bot\") | select(.body | startswith(\"$marker\")) | .id" | head -n 1) || return 1
  if [ -n "$id" ]; then
    gh api --silent -X PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$id" -F "body=@$work/body.md"
  else
    gh api --silent -X POST "repos/$GITHUB_REPOSITORY/issues/$PULL/comments" -F "body=@$work/body.md"
  fi
}
if [ "$COMMENT" = true ] && ! comment; then
  echo "::notice::the comment could not be written: it needs pull-requests write, which forks have not; the summary of the job has the table"
fi

case $code in
0) changed=$(grep -c '^| narrower' "$work/table.md" || true) ;;
1) changed=1 ;;
*) exit 3 ;;
esac
if [ "$FAIL_ON" = wider ] && [ "$code" -eq 1 ] || [ "$FAIL_ON" = any ] && [ "$changed" -gt 0 ]; then
  echo "::error::the pull request changes who may do what: fail-on is $FAIL_ON"
  exit 1
fi
