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

.PHONY: help check test setup fmt vet staticcheck quick unit integration soak bench fuzz interop

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 14

check: fmt vet staticcheck quick ## the everyday: all but the race detector and real servers, in two minutes

test: setup fmt ## everything a change must pass
	@scripts/lanes.sh "vet staticcheck unit" integration

setup: ## install what the tests need, or say what is missing
	@scripts/setup.sh

fmt: ## refuse files that gofmt would change
	@unformatted="$$(git ls-files '*.go' | xargs -r gofmt -l)"; \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi

vet: ## go vet in every module
	@go vet $(PACKAGES)

$(STATICCHECK):
	@mkdir -p $(BIN)
	@GOBIN=$(BIN) GOWORK=off GOFLAGS= go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)
	@mv $(BIN)/staticcheck $@

staticcheck: $(STATICCHECK) ## staticcheck in every module
	@$< $(PACKAGES)

quick: ## the tests of the root module and the examples, without the race detector
	@for m in . examples; do echo "go test $$m"; (cd $$m && go test -short ./...); done

unit: ## the tests of all modules but integration, with the race detector
	@scripts/unit.sh $(filter-out integration,$(MODULES))

integration: ## the tests against real servers
	@scripts/unit.sh integration

# Without the race detector first, since many bounds are of time; then every test with it.
soak: setup ## the long proofs, about an hour
	@for m in $(MODULES); do (cd $$m && REEVE_SOAK=1 go test -timeout 60m ./...); done
	@for m in $(MODULES); do (cd $$m && go test -race -timeout 60m ./...); done

interop: ## providers and a client of others, unmodified: node-oidc-provider, Ory Hydra, openid-client
	@scripts/interop.sh

bench: ## benchmarks, with allocations
	@for m in $(MODULES); do (cd $$m && go test -run '^$$' -bench . -benchmem ./...); done

fuzz: ## each fuzz target for FUZZTIME (30s)
	@scripts/fuzz.sh $(or $(FUZZTIME),30s)
