# make help lists the targets. make test is what CI runs and what a change must pass.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

# The modules are those of go.work.
MODULES := $(patsubst ./%,%,$(shell awk '$$1 ~ /^\./ { print $$1 }' go.work))
PACKAGES := $(MODULES:%=./%/...)
BIN := $(CURDIR)/.bin
STATICCHECK_VERSION := v0.8.2
STATICCHECK := $(BIN)/staticcheck-$(STATICCHECK_VERSION)

.PHONY: help check test setup fmt vet staticcheck quick unit raced plain integration soak bench bench-rivals bench-check bench-ratios fuzz interop

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

check: fmt vet staticcheck quick ## the everyday: all but the race detector and real servers, in two minutes

# vet comes first and alone: what it compiles the lanes find in the cache. By -trimpath so do the
# tests that build the tree in another folder. Nobody debugs these binaries: without DWARF each
# compilation takes a tenth less.
test: export GOFLAGS := $(strip $(shell go env GOFLAGS) -trimpath -gcflags=all=-dwarf=false -ldflags=-w)
test: setup fmt vet ## everything a change must pass
	@scripts/lanes.sh unit integration

setup: ## install what the tests need, or say what is missing
	@scripts/setup.sh

fmt: ## refuse files that gofmt would change
	@unformatted="$$(git ls-files '*.go' | xargs -r gofmt -l)"; \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi

vet: ## go vet in every module
	@GOGC=400 go vet $(PACKAGES)

$(STATICCHECK):
	@mkdir -p $(BIN)
	@GOBIN=$(BIN) GOWORK=off go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)
	@mv $(BIN)/staticcheck $@

# It is compiled from source and reads the source of all that is depended on: a tenth of make test from
# cold caches, so it stands in make check and make soak.
staticcheck: $(STATICCHECK) ## staticcheck in every module
	@$< $(PACKAGES)

quick: ## the tests of the root module and the examples, without the race detector
	@for m in . examples; do echo "go test $$m"; (cd $$m && go test -short ./...); done

unit: raced plain ## the tests of all modules but integration, with the race detector where goroutines share

raced:
	@scripts/unit.sh raced

plain:
	@scripts/unit.sh plain $(filter-out . integration,$(MODULES))

integration: ## the tests against real servers
	@scripts/unit.sh integration

# Without the race detector first, since many bounds are of time; then every test with it.
soak: setup staticcheck ## the long proofs, two hours on a quiet machine
	@for m in $(MODULES); do (cd $$m && REEVE_SOAK=1 go test -timeout 3h ./...); done
	@for m in $(MODULES); do (cd $$m && go test -race -timeout 3h ./...); done
	@cd integration/bench && go vet -tags rivals ./... && go test -tags rivals -timeout 20m ./decisions ./stores

interop: ## providers and a client of others, unmodified: node-oidc-provider, Ory Hydra, openid-client
	@scripts/interop.sh

# What is measured beside others stands in a module of its own, and its pictures stand in docs. Heavy
# rivals are compiled here alone, by the tag.
BENCH := cd integration/bench && go run -tags rivals
CHAINS := cd integration/bench && go run ./chains
CHECKED := -tenants 10 -chains echo,reeve -rounds 5 -each 2s

bench: bench-rivals ## benchmarks of each package, with allocations, and what bench-rivals measures
	@for m in $(MODULES); do (cd $$m && go test -tags rivals -run '^$$' -bench . -benchmem ./...); done

bench-rivals: ## tables and pictures beside others: the HTTP path, decisions, sessions, growth; 10 minutes
	@$(BENCH) ./decisions -svg ../../docs/decisions.svg
	@$(BENCH) ./stores -svg ../../docs/stores.svg
	@$(BENCH) ./growth -svg ../../docs/growth.svg
	@$(CHAINS) -each 3s -svg ../../docs/chains.svg
	@$(CHAINS) -tenants 10 -chains echo,reeve -conns 1,8,64,256,1000 -procs 1,2 -each 2s

bench-check: ## fail where Reeve has lost a quarter of what it was beside Echo alone
	@$(CHAINS) $(CHECKED) -check chains/ratios.json

bench-ratios: ## measure what bench-check compares with, on a quiet machine
	@$(CHAINS) $(CHECKED) -write chains/ratios.json

fuzz: ## each fuzz target for FUZZTIME (30s)
	@scripts/fuzz.sh $(or $(FUZZTIME),30s)
