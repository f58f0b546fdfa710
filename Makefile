# make test is what CI runs and what a change must pass.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test

MODULES := . examples integration
BIN := $(CURDIR)/.bin
STATICCHECK_VERSION := v0.8.2

.PHONY: test setup fmt vet staticcheck unit integration soak bench fuzz

test: setup fmt vet staticcheck unit ## everything a change must pass

setup: ## install what the tests need, or say what is missing
	@scripts/setup.sh

fmt: ## refuse files that gofmt would change
	@unformatted="$$(git ls-files '*.go' | xargs -r gofmt -l)"; \
	if [ -n "$$unformatted" ]; then echo "gofmt -w these files:"; echo "$$unformatted"; exit 1; fi

vet:
	@for m in $(MODULES); do echo "go vet $$m"; (cd $$m && go vet ./...); done

$(BIN)/staticcheck-$(STATICCHECK_VERSION):
	@mkdir -p $(BIN)
	@GOBIN=$(BIN) GOWORK=off GOFLAGS= go install honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK_VERSION)
	@mv $(BIN)/staticcheck $@

staticcheck: $(BIN)/staticcheck-$(STATICCHECK_VERSION)
	@for m in $(MODULES); do echo "staticcheck $$m"; (cd $$m && $< ./...); done

unit: ## every module's tests, with the race detector
	@scripts/unit.sh $(MODULES)

bench: ## benchmarks, with allocations
	@for m in $(MODULES); do (cd $$m && go test -run '^$$' -bench . -benchmem ./...); done

# Without the race detector, under which make test runs the same tests with smaller numbers:
# here many bounds are of time.
soak: ## the long proofs
	@for m in $(MODULES); do (cd $$m && REEVE_SOAK=1 go test -timeout 60m ./...); done

fuzz: ## each fuzz target for FUZZTIME
	@scripts/fuzz.sh $(or $(FUZZTIME),30s)
