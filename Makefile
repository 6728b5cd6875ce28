.DEFAULT_GOAL := help

# Stripped and without Lambda's RPC mode: what keeps the zip small and the start short. Without the path and the state
# of the checkout: the same sources give the same bytes.
GO_FLAGS := -trimpath -buildvcs=false -ldflags='-s -w' -tags lambda.norpc
# The processor that the function is built for, a GOARCH. Lambda runs it on arm64, as template.yaml says; an AWS on this
# machine runs it on the machine's own.
FUNCTION_ARCH ?= arm64
GO_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=$(FUNCTION_ARCH) go build $(GO_FLAGS)

# With the function's own flags, so that what they need as well is compiled once.
GO_DESK := CGO_ENABLED=0 go run $(GO_FLAGS) ./local
# In virtual time each call has a goroutine of its own, which begins with the stack that calls need, and lives shortly:
# to collect its garbage less often takes a quarter of the time away, and some hundred megabytes.
GO_TEST := CGO_ENABLED=0 GOGC=400 GODEBUG=adaptivestackstart=1 go test $(GO_FLAGS)

# Not .aws-sam, where the tools are.
GO_DIRS := handler local release

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
ACTIONLINT := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

# Tools of other people's, below .aws-sam, which sam build does not copy. Each environment is made once, from a file
# that pins everything with its hash, and anew when that file changes; .made is its stamp. (The file
# names every dependency, so that pip is to look for none: it finds none that is asked for once with extras, once
# without.) None sees the machine's own
# packages, by PYTHONPATH neither.
unexport PYTHONPATH PYTHONHOME
TOOLS := $(CURDIR)/.aws-sam/tools
VENVS := checks sam ministack bitmovin
RIE_VERSION := v0.0.0-20261030222936-bef5c4ba774d
CHECKS_PATH := PATH="$(TOOLS)/checks/bin:$$PATH"

EVENT ?= events/create.json
CONFIG_ENV ?= default
# The stack of CONFIG_ENV in samconfig.toml, and why it failed.
STACK = $(shell awk -F '"' '/^\[/ { here = /^\[$(CONFIG_ENV)\./ } here && /^stack_name/ { print $$2 }' samconfig.toml)
REASONS = aws cloudformation describe-stack-events --stack-name $(STACK) --output text \
	--query "StackEvents[?ends_with(ResourceStatus, '_FAILED')].[LogicalResourceId, ResourceStatusReason]"

.PHONY: help
help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[[:alpha:]-]+:.*## / { printf "  %-24s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: tools
tools: $(VENVS:%=.aws-sam/tools/%.made) .aws-sam/tools/oracle.made .aws-sam/tools/rie-$(RIE_VERSION).made ## Install what check and the test-* targets call (needs Python 3.11 with venv, and Node 20)
	@echo "the tools are in .aws-sam/tools"

$(VENVS:%=.aws-sam/tools/%.made): .aws-sam/tools/%.made: .ci/tools/%.txt
	@python3 -c 'import sys, ensurepip, venv; assert sys.version_info >= (3, 11)' 2>/dev/null || \
		{ echo "make tools needs python3, 3.11 or newer, with venv (Debian and Ubuntu: apt-get install python3-venv)"; exit 1; }
	@echo "installing .ci/tools/$*.txt into .aws-sam/tools/$*"
	@rm -rf "$(TOOLS)/$*" $@
	@python3 -m venv "$(TOOLS)/$*"
	@"$(TOOLS)/$*/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement $<
	@"$(TOOLS)/$*/bin/python" -m pip check --disable-pip-version-check
	@mkdir -p "$(TOOLS)/bin"
	@for tool in $(if $(filter sam,$*),sam,aws cfn-lint moto_server); do \
		test ! -x "$(TOOLS)/$*/bin/$$tool" || ln -sf "../$*/bin/$$tool" "$(TOOLS)/bin/$$tool"; done
	@touch $@

.aws-sam/tools/oracle.made: .ci/tools/oracle/package.json .ci/tools/oracle/package-lock.json
	@command -v node >/dev/null && command -v npm >/dev/null || { echo "make tools needs Node 20 or newer, with npm"; exit 1; }
	@echo "installing .ci/tools/oracle/package-lock.json into .aws-sam/tools/oracle"
	@rm -rf "$(TOOLS)/oracle" $@
	@mkdir -p "$(TOOLS)/oracle"
	@cp $^ "$(TOOLS)/oracle"
	@npm ci --prefix "$(TOOLS)/oracle" --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.aws-sam/tools/rie-$(RIE_VERSION).made:
	@echo "installing aws-lambda-rie $(RIE_VERSION) into .aws-sam/tools/bin"
	@mkdir -p "$(TOOLS)/bin"
	@rm -f .aws-sam/tools/rie-*.made
	@GOBIN="$(TOOLS)/bin" CGO_ENABLED=0 go install github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie@$(RIE_VERSION)
	@touch $@

.PHONY: build
build: export ARTIFACTS_DIR = build
build: build-ProviderFunction ## Build the function for Lambda into build/ (FUNCTION_ARCH: the processor, arm64)

.PHONY: build-ProviderFunction
build-ProviderFunction: ## Build the function into ARTIFACTS_DIR; `sam build` calls this
	$(GO_BUILD) -o "$${ARTIFACTS_DIR:?is set by sam build}/bootstrap" ./handler

.PHONY: test
# A bubble of virtual time that cannot go on says nothing until the timeout.
test: ## Run the tests
	$(GO_TEST) -timeout 10m ./...

.PHONY: test-all
test-all: test ## Run the tests, and 20,000 random histories (some fifteen minutes)
	$(GO_TEST) -count=1 -timeout 60m -run '^TestHistories$$' -v ./handler -histories 20000

.PHONY: test-race
test-race: ## Run the tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 20m ./...

.PHONY: test-moto
test-moto: .aws-sam/tools/checks.made ## Run the function against moto, an IAM, STS and S3 written elsewhere
	$(CHECKS_PATH) MOTO_TEST=1 $(GO_TEST) -count=1 -timeout 30m -run '^TestMoto$$' -v ./handler

.PHONY: test-rie
test-rie: .aws-sam/tools/rie-$(RIE_VERSION).made ## Run the events in AWS's own Runtime Interface Emulator
	PATH="$(TOOLS)/bin:$$PATH" RIE_TEST=1 $(GO_TEST) -count=1 -timeout 30m -run '^TestRIE$$' -v ./local

# The suites whose decisions are replayed, and of the faults those of a Create.
ORACLE_SUITES := ^Test(Buckets|WrongOwner|NoBucket|PutObjectACL|TooMuch|WarnAndOff|DenialIsFixed|Keys|UnusableKey|WrongKeyNamed|KeyCannotBeRead|.*EditedMeanwhile|Boundary|ProviderChangesItsBoundary|AccessMode|FirstInstall|Examples|Owners.*|ProviderServes.*|Scenarios|Create|Propagation|Consumer|ForgedEvent|PlantedRole|Intruder.*|Permissions|Secret.*|Register.*)$$
.PHONY: test-oracle
test-oracle: .aws-sam/tools/oracle.made ## Compare the decisions of the suites' runs, and of random roles, with another evaluator's
	@mkdir -p build && rm -f build/decisions.jsonl
	RECORD_DECISIONS="$(CURDIR)/build/decisions.jsonl" $(GO_TEST) -count=1 -timeout 30m -run '$(ORACLE_SUITES)' ./handler
	RECORD_DECISIONS="$(CURDIR)/build/decisions.jsonl" $(GO_TEST) -count=1 -timeout 30m -run '^TestFaults$$/^(record|create)' ./handler
	ORACLE_TEST="$(CURDIR)/build/decisions.jsonl" $(GO_TEST) -count=1 -timeout 30m -run '^TestOracle$$' -v ./handler

.PHONY: test-sam
test-sam: .aws-sam/tools/ministack.made .aws-sam/tools/sam.made .aws-sam/tools/checks.made ## Deploy, break, repair and delete with the real SAM CLI, on the AWS of make sandbox
	SAM_TEST=1 $(GO_TEST) -count=1 -timeout 60m -run '^TestSAM$$' -v ./local/sandbox

.PHONY: test-bitmovin
test-bitmovin: .aws-sam/tools/bitmovin.made ## Run Bitmovin's own SDK against the stand-in of its API, and against what the function registers there
	BITMOVIN_TEST=1 $(GO_TEST) -count=1 -timeout 30m -run '^TestBitmovin$$' -v ./handler

.PHONY: test-release
test-release: .aws-sam/tools/checks.made ## Package twice, publish to an S3 on this machine, deploy
	$(CHECKS_PATH) RELEASE_TEST=1 $(GO_TEST) -count=1 -timeout 60m -run '^TestRelease$$' -v ./release

.PHONY: test-aws
# With SANDBOX=1 on the AWS of make sandbox, by this project's tools. Else by the user's own, wherever the user's
# environment points; exec, so that Ctrl-C and a kill reach what has to clean up.
test-aws: $(if $(SANDBOX),.aws-sam/tools/ministack.made .aws-sam/tools/sam.made .aws-sam/tools/checks.made) ## Try all on the account of your credentials, and remove it (asks; YES=1: do not; CLEAN=id: remove what a killed run left); SANDBOX=1: on the AWS of make sandbox
ifdef SANDBOX
	AWS_TEST=1 $(GO_TEST) -count=1 -timeout 60m -run '^TestAcceptance$$' -v ./local/acceptance
else
	@mkdir -p build/acceptance
	@CGO_ENABLED=0 go build -o build/acceptance/acceptance ./local/acceptance
	@exec build/acceptance/acceptance $(if $(YES),-yes) $(if $(CLEAN),-clean $(CLEAN))
endif

.PHONY: check
check: .aws-sam/tools/checks.made ## Check format, code, workflows, template and examples
	@unformatted=$$(gofmt -s -l $(GO_DIRS)) && test -z "$$unformatted" || \
		{ echo "not formatted; run make fmt: $$unformatted"; exit 1; }
	go vet ./...
	$(GOLANGCI_LINT) run
	$(ACTIONLINT) .github/workflows/*.yaml
	$(CHECKS_PATH) cfn-lint -- template.yaml examples/*.yaml
	@mkdir -p build
	$(CHECKS_PATH) python3 scripts/translate.py template.yaml > build/template.json
	@# W3002: the code is a path, as it is before a release has a place in S3.
	$(CHECKS_PATH) cfn-lint --ignore-checks W3002 -- build/template.json

.PHONY: fmt
fmt: ## Format the code
	gofmt -s -w $(GO_DIRS)

.PHONY: demo
demo: ## Create, break, repair and delete the stack on an AWS on the desk; REGISTER=1 with Bitmovin's output
	@$(GO_DESK) demo $(if $(REGISTER),register)

.PHONY: sandbox
sandbox: .aws-sam/tools/ministack.made .aws-sam/tools/sam.made .aws-sam/tools/checks.made ## Run an AWS on this machine for the real SAM CLI and AWS CLI, until Ctrl-C; BUCKET=name is made in it
	@"$(TOOLS)/ministack/bin/python" scripts/sandbox.py $(if $(BUCKET),--bucket $(BUCKET))

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

# SAM prints a reason in a column a quarter of the terminal wide, which tears what is to be pasted to pieces. What is
# given here replaces parameter_overrides of samconfig.toml, which say that the provider has no bucket.
BUCKET_NAME = $(if $(BUCKET),BucketName=$(BUCKET),$(if $(filter provider,$(CONFIG_ENV)),'BucketName=""'))
.PHONY: deploy
deploy: ## Deploy with SAM: BUCKET=name, or CONFIG_ENV=provider for the provider alone; PARAMETERS="Name=value …" for more
	sam build
	sam deploy --config-env $(CONFIG_ENV) $(if $(BUCKET)$(PARAMETERS),--parameter-overrides $(BUCKET_NAME) $(PARAMETERS)) || \
		{ printf '\nThe reasons as a whole, the last first:\n\n'; $(REASONS); exit 1; }

.PHONY: clean
clean: ## Remove what was built, and the tools
	rm -rf build dist .aws-sam
