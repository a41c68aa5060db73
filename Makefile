# Targets for people: `make help`.  The work itself is done by the tools in .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PACKAGES := harness benchmarks_data surrogates strategies reports
# Which interpreter makes .venv: the first that is there and new enough.
PYTHON ?= $(shell for p in python3.11 python3 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
# The torch requirement, with any options of pip, for example: make demo TORCH="torch==2.13.0 --index-url URL"
TORCH ?=

# Everything that decides what is installed; a change to any of them installs again.
INSTALLED_FROM := setup.cfg pyproject.toml constraints.txt
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: help install demo test test-slow torture fuzz check docs format bench gpu bless clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

install: $(VENV)/.installed ## create .venv and install the program into it

demo: $(VENV)/.installed ## run the shipped comparison, train its winners for real, write the report (a few minutes)
	$(BIN)/nas-harness run examples/quickstart.toml --workers 2 --out results
	$(BIN)/nas-harness verify results/quickstart --benchmark micro-mnist1d --device cpu
	$(BIN)/nas-harness report results/quickstart
	@echo "Open results/quickstart/report/index.html"

test: $(VENV)/.installed-test ## run the fast tests (about eight minutes on two cores)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-slow: $(VENV)/.installed-test ## run the slow tests too
	$(BIN)/python -m pytest

KILLS ?= 100
SEED ?= 0
torture: $(VENV)/.installed-test ## kill commands at random moments, run them again, compare: make torture KILLS=100 SEED=0
	$(BIN)/python -m tests.torture --kills $(KILLS) --seed $(SEED)

check: $(VENV)/.installed-test ## check style, types and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(PACKAGES)
	$(BIN)/mypy --strict --allow-untyped-calls --explicit-package-bases tests/bench/bench_*.py

docs: $(VENV)/.installed-docs ## build the site, tutorials and all: docs/_build/html (two or three minutes)
	$(BIN)/python -m sphinx -W --keep-going -q -j 2 docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

format: $(VENV)/.installed-test ## rewrite the code in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Importers are measured on files of full size, which the benches write: about ten minutes of the whole.
BENCH ?= tables tasks fitted surrogates search strategies fronts page cluster training one_shot live nb101 nats
bench: $(VENV)/.installed-test ## measure speed: prints tables, writes build/bench/*.json; make bench BENCH="tables search"
	@mkdir -p build/bench
	@set -e; for bench in $(BENCH); do \
		echo "== $$bench"; $(BIN)/python -m tests.bench.bench_$$bench --json build/bench/$$bench.json; done

# Inputs from seeds, each in a process of its own: make fuzz CASES=100000 SEED=7 FUZZ="--kind specs tables"
CASES ?= 20000
SEED ?= 0
fuzz: $(VENV)/.installed-test ## give the program 20,000 damaged and hostile inputs (about 25 minutes); faults go to build/fuzz
	$(BIN)/python -m tests.fuzz --cases $(CASES) --seed $(SEED) $(FUZZ)

# Made for a bare CUDA machine: any python 3.11 with torch and numpy, nothing is installed.
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
gpu: ## check and measure training on a CUDA device: make gpu DATA=FOLDER_OF_CIFAR10 [GPU="--stage speed"]
	PYTHONPATH=. $(GPU_PYTHON) -m tests.bench.gpu $(if $(DATA),--data $(DATA)) $(GPU)

bless: $(VENV)/.installed-test ## accept the present behaviour of strategies as the golden traces
	$(BIN)/python -m tests.golden.bless

clean: ## remove .venv, caches and build products; results stay
	rm -rf $(VENV) build docs/_build docs/generated *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find $(PACKAGES) tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed; give its path: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "make: Python 3.11 or newer is needed, and $(PYTHON) is older or missing" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A TORCH of the user's own is installed first, and the pins of torch and of the triton that it wants are lifted.
$(VENV)/.constraints: $(INSTALLED_FROM) | $(BIN)/python
	@$(if $(TORCH),grep -vE '^(torch|triton)==' constraints.txt,cat constraints.txt) > $@.tmp && mv $@.tmp $@
	$(if $(TORCH),$(PIP_INSTALL) -c $@ $(TORCH))

$(VENV)/.installed: $(VENV)/.constraints
	$(PIP_INSTALL) -c $(VENV)/.constraints -e . --config-settings editable_mode=compat
	@touch $@

$(VENV)/.installed-test: $(VENV)/.constraints
	$(PIP_INSTALL) -c $(VENV)/.constraints -e '.[test]' --config-settings editable_mode=compat
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: $(VENV)/.constraints
	$(PIP_INSTALL) -c $(VENV)/.constraints -e '.[docs]' --config-settings editable_mode=compat
	@touch $@ $(VENV)/.installed
