# make demo  trains both stages on synthetic faces and shows the result (about 7 minutes)
# make test  lints, type-checks and tests
# make test-proofs  proves that devices, processes and interruptions change no result
# make test-newest  tests what depends on versions with the newest Python that is found, if any
# All make a virtual environment in .venv first; PYTHON says with which interpreter.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_WORKDIR ?= runs/demo
# Files are tested in parallel, two at a time on two cores.
PYTEST_ARGS ?= -n auto --maxprocesses=4 --dist=loadfile
# Modules whose docstrings hold examples, which are run.
EXAMPLES = $(shell grep -rl --include='*.py' '>>> ' scaf_jax data_builders)

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-newest test-proofs lint examples format clean

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
	$(BIN)/python -m data_builders.prepare synthetic_faces/small
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

# Minutes each: any number of devices and of processes has the results of one, and killed runs end
# with the bits of one that was left alone.
PROOFS = $(addprefix tests/,training/sharded_training_test.py several_processes_test.py \
    benchmark/kills_test.py buckets_test.py)
test-proofs: $(VENV)/installed-dev
	JAX_PLATFORMS=cpu $(BIN)/python -m pytest -m slow --durations=0 $(PROOFS)

# JAX has no wheels of 0.11 and later for Python 3.11: those are met here.
NEWER = python3.13 python3.12 $(HOME)/.pyenv/versions/3.13.*/bin/python \
    $(HOME)/.pyenv/versions/3.12.*/bin/python
# What hangs most on JAX and Flax: programs, states, shardings, checkpoints, loader.
VERSION_TESTS = $(addprefix tests/,ops/warping_test.py ops/convolutions_test.py \
    data/pipelines_test.py data/resident_faces_test.py $(addsuffix _test.py,$(addprefix \
    training/,alignment checkpointing sharding state loop device_crops)))
test-newest:
	@for python in $(NEWER); do \
	    if $$python -c '' 2>/dev/null; then break; else python=; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo 'no Python 3.12 or 3.13 is found: nothing newer than the tests before was tested'; \
	else \
	    set -e; \
	    $$python -m venv $(VENV)-newest; \
	    $(VENV)-newest/bin/python -m pip install --quiet --editable '.[dev,onednn]'; \
	    $(VENV)-newest/bin/python -m pytest $(PYTEST_ARGS) -m 'not slow' -p no:cacheprovider \
	        $(VERSION_TESTS); \
	fi

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-newest build dist scaf_jax.egg-info
