# `make help` lists the targets. Each makes .venv first when it is missing or older than what it is made from.
.DEFAULT_GOAL := help
.PHONY: help install demo dev collect test check format bench screenshots clean

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
-include .env
export CDP_HOME ?= $(CURDIR)/.cdp
export DAGSTER_HOME ?= $(abspath $(CDP_HOME))/dagster
export CDP_MODEL ?= examples/retailer
export RETAILER_WEBHOOK_SECRET ?= whsec_cmV0YWlsZXItZXhhbXBsZS1zZWNyZXQ=
export RETAILER_WRITE_KEY ?= retailer-example-key
export

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@echo "Setting up .venv (once; about a minute) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(DAGSTER_HOME)/dagster.yaml: dagster.yaml
	@mkdir -p $(@D) && cp dagster.yaml $@

install: $(STAMP) $(DAGSTER_HOME)/dagster.yaml ## Set up .venv

demo: install ## Generate a retailer, run the whole road, add a day, show what changed
	@$(BIN)/python -m examples.retailer.demo

dev: install ## Open the Dagster UI on the same instance, at http://127.0.0.1:3000
	@$(BIN)/python -m examples.receiver --port 8099 & \
	$(BIN)/dagster dev --host 127.0.0.1 --port 3000; kill %1 2>/dev/null || true

collect: install ## Take events over HTTP into the landing folder, at http://127.0.0.1:8088
	@$(BIN)/python -m cdp_server

test: install ## Run the tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: install ## Format, lint, types, Dagster definitions, and the model of every example
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@for model in examples/*/company.yaml; do $(BIN)/cdp check --model $$(dirname $$model) || exit 1; done
	@PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/dg check defs

format: install ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

bench: install ## Run the benchmarks (PEOPLE=100000 takes a while)
	@$(BIN)/python -m benchmarks.run --people $(or $(PEOPLE),20000)

screenshots: install ## Take the pictures of the docs from the UI (needs chromium, and `make demo` before)
	@$(BIN)/python -m docs.screenshots

clean: ## Remove .venv, the lake, the instance and every generated file
	rm -rf .venv .cdp .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
