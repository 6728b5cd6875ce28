.DEFAULT_GOAL := help

# Stripped and without Lambda's RPC mode: what keeps the zip small and the start short. Without the path and the state
# of the checkout: the same sources give the same bytes.
GO_FLAGS := -trimpath -buildvcs=false -ldflags='-s -w' -tags lambda.norpc
GO_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(GO_FLAGS)

# With the function's own flags, so that what they need as well is compiled once.
GO_DESK := CGO_ENABLED=0 go run $(GO_FLAGS) ./local
GO_TEST := CGO_ENABLED=0 go test $(GO_FLAGS)

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

EVENT ?= events/create.json
CONFIG_ENV ?= default

.PHONY: help
help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[[:alpha:]-]+:.*## / { printf "  %-24s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: export ARTIFACTS_DIR = build
build: build-ProviderFunction ## Build the function for Lambda (linux/arm64) into build/

.PHONY: build-ProviderFunction
build-ProviderFunction: ## Build the function into ARTIFACTS_DIR; `sam build` calls this
	$(GO_BUILD) -o "$${ARTIFACTS_DIR:?is set by sam build}/bootstrap" ./handler

.PHONY: test
# A bubble of virtual time that cannot go on says nothing until the timeout.
test: ## Run the tests
	$(GO_TEST) -timeout 5m ./...

.PHONY: test-race
test-race: ## Run the tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: test-moto
test-moto: ## Run the function against moto, an IAM, STS and S3 written elsewhere (needs moto)
	@command -v moto_server >/dev/null || { echo "make test-moto needs moto_server: pip install 'moto[server]'"; exit 1; }
	MOTO_TEST=1 $(GO_TEST) -count=1 -run '^TestMoto$$' -v ./handler

.PHONY: test-release
test-release: ## Package twice, publish to an S3 on this machine, deploy (needs cfn-lint, the AWS CLI and moto)
	@for tool in cfn-lint aws moto_server; do command -v $$tool >/dev/null || \
		{ echo "make test-release needs $$tool: pip install cfn-lint awscli 'moto[server]'"; exit 1; }; done
	RELEASE_TEST=1 $(GO_TEST) -count=1 -run '^TestRelease$$' -v ./release

.PHONY: check
check: ## Check format, code, workflows, template and examples (needs cfn-lint)
	@command -v cfn-lint >/dev/null || { echo "make check needs cfn-lint: pip install cfn-lint"; exit 1; }
	@unformatted=$$(gofmt -s -l .) && test -z "$$unformatted" || \
		{ echo "not formatted; run make fmt: $$unformatted"; exit 1; }
	go vet ./...
	$(GOLANGCI_LINT) run
	$(ACTIONLINT) .github/workflows/*.yaml
	cfn-lint -- template.yaml examples/*.yaml
	@mkdir -p build
	python3 scripts/translate.py template.yaml > build/template.json
	@# W3002: the code is a path, as it is before a release has a place in S3.
	cfn-lint --ignore-checks W3002 -- build/template.json

.PHONY: fmt
fmt: ## Format the code
	gofmt -s -w .

.PHONY: demo
demo: ## Create, break, repair and delete the stack on an AWS on the desk; REGISTER=1 with Bitmovin's output
	@$(GO_DESK) demo $(if $(REGISTER),register)

.PHONY: invoke
invoke: ## Send EVENT (default events/create.json) to the function on an AWS on the desk
	@$(GO_DESK) invoke $(EVENT)

.PHONY: bench
bench: ## Measure the function against its budgets (half a minute; build/bench.txt is for benchstat)
	@mkdir -p build
	@$(GO_TEST) ./handler -run '^$$' -bench . -benchtime 1x -timeout 10m -waterfall ../build/waterfall.svg > build/bench.txt || \
		{ cat build/bench.txt; exit 1; }
	@CGO_ENABLED=0 go run $(GO_FLAGS) ./local/figures build/bench.txt

.PHONY: package
package: build ## Make the files of VERSION in dist/ (needs cfn-lint; BUCKET_PREFIX and REGIONS as for publish)
	@go run ./release package "$(VERSION)" $(BUCKET_PREFIX) $(REGIONS)

.PHONY: publish
publish: package ## Upload VERSION to the buckets BUCKET_PREFIX-region of REGIONS (needs cfn-lint and the AWS CLI)
	@go run ./release publish "$(VERSION)"

.PHONY: deploy
deploy: ## Deploy with SAM: BUCKET=name for one bucket, CONFIG_ENV=provider for the provider alone
	sam build
	sam deploy --config-env $(CONFIG_ENV) $(if $(BUCKET),--parameter-overrides BucketName=$(BUCKET))

.PHONY: clean
clean: ## Remove what was built
	rm -rf build dist .aws-sam
