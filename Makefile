PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Files of tests go to three processes for two processors, four at most: they wait for programs of their own most of
# the time. What measures the time the machine takes has the machine to itself, afterwards.
PROCESSORS := $(shell nproc 2>/dev/null || echo 2)
SPREAD := -n $(shell echo $$(( $(PROCESSORS) > 2 ? 4 : $(PROCESSORS) + 1 ))) --dist loadfile --no-loadscope-reorder

.PHONY: setup demo test check format snapshots bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pilothouse needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

# Without a terminal nobody can answer: the demo then stops at its gate with exit code 5, as it should.
demo: setup
	$(BIN)/pilothouse demo || test $$? -eq 5

test: setup
	$(BIN)/python -m pytest -q -m 'not alone' $(SPREAD)
	$(BIN)/python -m pytest -q -m alone

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -m 'not alone' $(SPREAD)
	$(BIN)/python -m pytest -q -m alone

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

snapshots: setup
	$(BIN)/python -m pytest -q tests/snapshots --snapshot-update
	git diff --stat tests/snapshots

bench: setup
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) build dist src/*.egg-info
