#!/usr/bin/env bash
# Runs programs of others, unmodified and pinned, against a small service of ours: node-oidc-provider
# with openid-client (integration/interop/node/package-lock.json) and Ory Hydra
# (integration/interop/hydra/go.mod). They are installed under .bin/interop. The first run needs npm,
# a C compiler and the registries of npm and of Go, and takes about ten minutes, most of them for
# Hydra. Before that it reads the files of the examples by the libraries of Kubernetes, Compose, BuildKit
# and Prometheus (integration/interop/manifests). As root on Linux it builds the image of examples/service
# by buildah, from stand-ins of its base images, and runs it.
#
# Where something is missing it says what to do, with an error in CI, and otherwise skips what
# needs it.
set -euo pipefail
cd "$(dirname "$0")/.."

dir=$PWD/.bin/interop
source=integration/interop
mkdir -p "$dir/node"
tests=()

# missing tells what is not here and what is skipped for it; in CI that is an error.
missing() {
  echo "interop: $2 is skipped: $1" >&2
  [ -z "${CI:-}" ] || exit 1
}

# run runs what is here.
run() {
  [ ${#tests[@]} -gt 0 ] || exit 0
  export REEVE_INTEROP=$dir
  cd integration
  exec go test -count=1 -v -timeout 20m -run "^($(IFS='|'; echo "${tests[*]}"))\$" ./interop
}

# Read by the types and parsers of Kubernetes, Compose, BuildKit and Prometheus, whose versions are not ours.
(cd "$source/manifests" && GOWORK=off go test -count=1 -v .)

if ! command -v buildah >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing buildah"
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah busybox-static >/dev/null) || true
fi
if ! command -v buildah >/dev/null || ! command -v busybox >/dev/null || [ "$(id -u)" -ne 0 ]; then
  missing "it needs root, buildah and busybox (for example: sudo apt-get install buildah busybox-static)" "the image of examples/service"
else
  tests+=(TestTheImageIsBuiltAndServes)
fi
if ! command -v npm >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing npm"
  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null) || true
fi

cp "$source"/node/{package.json,package-lock.json,op.mjs,client.mjs} "$dir/node/"
node=$dir/node/node_modules/.bin/node
if ! command -v npm >/dev/null; then
  missing "npm is not installed (for example: sudo apt-get install npm, or: brew install node)" "the rest"
  run
elif ! cmp -s "$source/node/package-lock.json" "$dir/node/installed" && ! {
  (cd "$dir/node" && npm ci --no-audit --no-fund --loglevel=error) && "$node" --version >/dev/null &&
    cp "$source/node/package-lock.json" "$dir/node/installed"
}; then
  missing "npm ci failed: the packages of $source/node/package-lock.json come from npm's registry (npm config get registry)" "the rest"
  run
fi
echo "node $("$node" --version), with $(cd "$dir/node" && npm ls --depth=0 --parseable=false 2>/dev/null | grep -oE '(oidc-provider|openid-client)@[0-9.]+' | paste -sd' ')"
tests+=(TestNodeOIDCProvider)

if ! command -v "${CC:-cc}" >/dev/null; then
  missing "a C compiler is not installed, which sqlite needs (for example: sudo apt-get install gcc libc6-dev)" "Ory Hydra"
elif ! cmp -s "$source/hydra/go.sum" "$dir/hydra.sum" && ! {
  echo "building Ory Hydra"
  (cd "$source/hydra" && GOWORK=off CGO_ENABLED=1 go build -tags sqlite,json1 -o "$dir/hydra" .) && cp "$source/hydra/go.sum" "$dir/hydra.sum"
}; then
  missing "it cannot be built: its modules come from the Go module proxy (go env GOPROXY)" "Ory Hydra"
else
  echo "Ory Hydra $(grep -oE 'ory/hydra/v2 v[0-9.]+' "$source/hydra/go.mod" | cut -d' ' -f2)"
  tests+=(TestOryHydra)
fi

run
