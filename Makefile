# Two commands do all: `make demo` and `make test`. Each sets up what it needs; python3 (with venv and pip) and make suffice.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev

.PHONY: help demo test lint types arch schemas docs check bench lock clean

help: ## List all there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(RUN) ## Run the eight stages on the example agent, from scenario to gated verdict
	@$(BIN)/python examples/demo.py

test: $(DEV) ## Run all tests
	@$(BIN)/python -m pytest -n auto --dist loadgroup

lint: $(DEV) ## Style: ruff
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(DEV) ## Types: pyright
	@$(BIN)/pyright

arch: $(DEV) ## Which package may import which: import-linter
	@$(BIN)/lint-imports

schemas: $(RUN) ## Export the JSON Schemas of all contracts
	@$(BIN)/assay schema export schemas

check: lint types arch ## All that is checked without running anything

bench: $(DEV) ## Measure: what an evaluation adds to the model, statistics against planted truths, a model call
	@$(BIN)/python benchmarks/throughput/run.py
	@$(BIN)/python benchmarks/planted_truth.py
	@$(BIN)/python benchmarks/model_calls.py

lock: $(VENV)/.uv ## Renew the locks from pyproject.toml
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml -o requirements.lock.txt
	@$(BIN)/uv pip compile -q --universal --generate-hashes --no-annotate --python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock.txt

clean: ## Remove what was built, and the demo's store
	@rm -rf $(VENV) .assay dist

$(VENV)/.uv:
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@touch $@

$(RUN): requirements.lock.txt pyproject.toml | $(VENV)/.uv
	@echo "Installing Assay into $(VENV) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(DEV): requirements-dev.lock.txt $(RUN)
	@echo "Installing the tools for development ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements-dev.lock.txt
	@touch $@
