# Everything a newcomer or CI needs: `make quickstart`, `make test`. Nothing is installed outside .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install quickstart test lint types unit test-slow demo-weights wheel clean

help:
	@echo "make quickstart    install, then convert and measure the embedded demo network (first use: minutes of download)"
	@echo "make test          lint, types, tests and the quickstart: what CI runs"
	@echo "make test-slow     the tests that take minutes"
	@echo "make demo-weights  train the embedded demo weights again (about 45 minutes on two cores)"

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[convert,plots,dev]'
	touch $(STAMP)

install: $(STAMP)

quickstart: $(STAMP)
	$(BIN)/edge-effnet quickstart --force

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

unit: $(STAMP)
	$(BIN)/python -m pytest -q -m "not slow"

test: lint types unit quickstart

test-slow: $(STAMP)
	$(BIN)/python -m pytest -q -m slow

demo-weights: $(STAMP)
	$(BIN)/python -m edge_effnet.train.demo -o edge_effnet/_demo/b0_shapes10.npz --force

wheel: $(STAMP)
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist runs .pytest_cache .mypy_cache .ruff_cache .hypothesis
