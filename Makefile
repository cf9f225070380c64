# make demo  trains both stages on synthetic faces and shows the result (about 11 minutes)
# make test  lints, type-checks and tests
# Both make a virtual environment in .venv first; PYTHON says with which interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_WORKDIR ?= runs/demo
# Files are tested in parallel, two at a time on two cores.
PYTEST_ARGS ?= -n auto --maxprocesses=4 --dist=loadfile
# Modules whose docstrings hold examples, which are run.
EXAMPLES = $(shell grep -rl --include='*.py' '>>> ' scaf_jax data_builders)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint examples format clean

help:
	@sed -n 's/^# \{0,1\}//p;/^$$/q' Makefile

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	    "Python 3.11 or later is needed, this is " + sys.version.split()[0] \
	    + ": make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Stamps: installed once, and again when the requirements change.
$(VENV)/installed: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[onednn]'
	@touch $@

$(VENV)/installed-dev: $(BIN)/python setup.cfg pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev,onednn]'
	@touch $@ $(VENV)/installed

demo: $(VENV)/installed
	$(BIN)/python -m data_builders.prepare synthetic_faces
	$(BIN)/python -m scaf_jax.main --config=configs/demo.py --workdir=$(DEMO_WORKDIR)
	@echo
	@echo 'Report and pictures:'
	@find '$(abspath $(DEMO_WORKDIR))' \( -name 'report.md' -o -name '*.png' \) -print | sort

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

examples: $(VENV)/installed-dev
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest --doctest-modules $(EXAMPLES)

test: lint examples
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m 'not slow'

test-all: lint examples
	$(BIN)/python -m pytest $(PYTEST_ARGS)

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) build dist scaf_jax.egg-info
