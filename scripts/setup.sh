#!/usr/bin/env bash
# Makes sure that what the tests need is here: redis-server, PostgreSQL, pgbouncer, nginx, curl and jq
# for the README's transcript, and a C compiler for the race detector. On Debian as root it installs what is
# missing; elsewhere it says what to install.
set -euo pipefail

declare -A package=([redis-server]=redis-server [curl]=curl [jq]=jq [git]=git [gcc]="gcc libc6-dev")
missing=()
for program in "${!package[@]}"; do
  # shellcheck disable=SC2206 # a program may need several packages
  command -v "$program" >/dev/null 2>&1 || missing+=(${package[$program]})
done
# Debian keeps PostgreSQL's programs off the PATH, and pgbouncer and nginx where only root finds them.
[ -n "$(command -v initdb)" ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
[ -n "$(command -v pgbouncer)" ] || [ -x /usr/sbin/pgbouncer ] || missing+=(pgbouncer)
[ -n "$(command -v nginx)" ] || [ -x /usr/sbin/nginx ] || missing+=(nginx)
[ "$(uname)" != Linux ] || [ -n "$(command -v systemd-analyze)" ] || missing+=(systemd)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The package would start a server of its own; the tests start theirs.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  exit 0
fi

echo "make test needs ${missing[*]}: please install (for example: sudo apt-get install ${missing[*]}, or: brew install redis postgresql pgbouncer nginx curl jq)" >&2
exit 1
