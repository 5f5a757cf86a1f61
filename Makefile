# Two commands: `make demo` and `make test`. Both set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
SQLKILN := $(BIN)/sqlkiln

.PHONY: demo test lint clean
.DEFAULT_GOAL := demo

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python too old: $$($(PYTHON) -V); set PYTHON=python3.11 or newer" >&2; exit 3; }
	$(PYTHON) -m venv .venv

.venv/.base: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

.venv/.dev: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev,train]"
	@touch $@ .venv/.base

demo: .venv/.base  ## ask a real database with the default model, then score it
	$(SQLKILN) models pull qwen2.5-coder-0.5b
	$(SQLKILN) samples build samples
	$(SQLKILN) ask samples/retail/retail.sqlite "How many customers are there in each country?"
	$(SQLKILN) ask samples/library/library.sqlite "What are the titles of the five books with the most pages?"
	$(SQLKILN) ask samples/company/company.sqlite "Who are the five best paid employees?"
	$(SQLKILN) run recipes/demo.toml

test: .venv/.dev  ## all tests
	$(BIN)/python -m pytest

lint: .venv/.dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:  ## forget the environment, the sample databases and the runs
	rm -rf .venv samples runs
