# Every target first makes sure of .venv (scripts/bootstrap: a moment when nothing changed).
PY := .venv/bin/python
ENGINE := scripts/engine run --

# The tests start thousands of Python processes, which would each compile what they import.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help bootstrap demo test check unit e2e chaos bench lock clean

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

bootstrap: ## make .venv with the pinned packages
	@scripts/bootstrap

demo: bootstrap ## two bottles, real traffic, a budget crossed and cut: a few minutes
	@scripts/npm
	@$(ENGINE) $(PY) scripts/demo.py

test: bootstrap ## everything: check, then the end-to-end tests on a real engine
	@$(PY) scripts/gates.py test

check: bootstrap ## format, lint, types, imports, docs and unit tests; no engine needed
	@$(PY) scripts/gates.py check

unit: bootstrap ## the unit tests alone
	@$(PY) scripts/gates.py unit

e2e: bootstrap ## the tests that need an engine or a database
	@$(PY) scripts/gates.py e2e

chaos: bootstrap ## bounded soak and fault runs
	@$(PY) scripts/gates.py chaos

bench: bootstrap ## measure; results go to benchmarks/results/
	@scripts/npm
	@$(ENGINE) $(PY) -m benchmarks

lock: bootstrap ## write requirements/*.txt again from pyproject.toml
	@scripts/lock

clean: ## remove what these targets made here (and the private engines' image caches)
	@scripts/engine purge
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
