# Two commands are enough: `make run` and `make test`. Everything lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
STATIC := src/faregate/admin/static/index.html

.DEFAULT_GOAL := help
.PHONY: help install ui dashboard run test check format bench proof pictures lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: $(STAMP) dashboard ## Create .venv from the lock file, and build the dashboard where npm is

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Faregate needs Python 3.11 or newer"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

ui: $(STATIC) ## Build the dashboard (needs npm and Node 20 or newer)

# All else works without it, so a machine without npm only hears of it.
dashboard:
	@$(MAKE) --no-print-directory -s $(STATIC) || echo "The dashboard is not built: that needs npm and Node 20 or newer."

$(STATIC): ui/node_modules/.package-lock.json $(shell find ui -name node_modules -prune -o -name schema.d.ts -o -type f -print)
	cd ui && npm run --silent build

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --no-progress && touch node_modules/.package-lock.json

run: $(STAMP) dashboard ## Start the Azure emulator and the gateway, send routed calls, print their receipts, keep serving
	@$(BIN)/faregate demo --serve

test: $(STAMP) dashboard ## Run every test
	@$(BIN)/python -m pytest

check: $(STAMP) ## Formatter, linter, strict types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(STAMP) ## Format and fix what can be fixed by a tool
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP) ## Measure the SDK beside the openai package, and the gateway beside the least there can be
	@$(BIN)/python -m bench

proof: $(STAMP) ## Kill the gateway, its database and Redis under load, spend a budget from all sides, then add up
	@$(BIN)/python -m bench.proof --kills 20

pictures: $(STAMP) $(STATIC) ## Make the dashboard's pictures for the documents anew
	@$(BIN)/python -m tests.ui.pictures

lock: ## Write the lock files anew (needs uv)
	uv pip compile pyproject.toml --group dev --all-extras --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --output-file requirements.lock
	uv pip compile --group clients --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate \
		--output-file requirements-clients.lock

clean: ## Remove .venv, the clients' environment and caches
	rm -rf $(VENV) .venv-clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build ui/node_modules src/faregate/admin/static
