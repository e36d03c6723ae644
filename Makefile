# `make demo` and `make test` work on a bare machine that has Python 3.11 or later and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2

.PHONY: help demo test nightly lint bench docs page pictures clean

help:
	@echo "make demo     train a network on handwritten digits and explain a function"
	@echo "make test     run every test"
	@echo "make nightly  run every test, the slow ones too"
	@echo "make lint     ruff and mypy"
	@echo "make bench    compare with autograd, MyGrad, PyTorch and JAX (installs them)"
	@echo "make docs     run the code in the documentation, write the API reference to build/docs"
	@echo "make page     build the page that wg.view writes (needs Node 20 or later)"
	@echo "make pictures take the pictures in the README (needs Chromium)"
	@echo "make clean    remove $(VENV) and everything that was made"

# -- set-up: one stamp file for each set of extras, so that a second run installs nothing ------------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Wengert needs Python 3.11 or later; set PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Wengert needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: EXTRAS = train,cli
$(VENV)/.dev: EXTRAS = dev
$(VENV)/.docs: EXTRAS = dev,docs
$(VENV)/.bench: EXTRAS = bench
$(VENV)/.demo $(VENV)/.dev $(VENV)/.docs $(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

# -- what to run -------------------------------------------------------------------------------------------------------

demo: $(VENV)/.demo
	$(BIN)/python examples/digits.py

# The formalities come first: they take seconds and say more about a broken tree than a thousand failing tests.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -q tests/formalities
	$(BIN)/python -m pytest -q -n $(JOBS) --ignore=tests/formalities

nightly: $(VENV)/.dev
	HYPOTHESIS_PROFILE=nightly $(BIN)/python -m pytest -q -n $(JOBS) -m "nightly or not nightly"

lint: $(VENV)/.dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks.run

docs: $(VENV)/.docs
	$(BIN)/python -m pytest -q tests/docs
	$(BIN)/python -m pdoc --docformat numpy --math --output-directory build/docs wengert

page: $(VENV)/.dev
	$(BIN)/python tools/page.py --tours

pictures: $(VENV)/.dev
	$(BIN)/python tools/pictures.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests benchmarks examples docs -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
