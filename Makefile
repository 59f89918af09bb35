# The two commands of the README: `make study` and `make test`. Both create the environment they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
JOBS ?= 2

.PHONY: study test lint types contracts pytest deep bench bench-gate accept accept-speed accept-retrained format clean

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[study,rtl,dev]'
	touch $@

study: $(INSTALLED)
	$(BIN)/l1distill study studies/quick.yaml -o runs/quick

test: lint types contracts pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy

contracts: $(INSTALLED)
	$(BIN)/lint-imports

pytest: $(INSTALLED)
	$(BIN)/pytest -n $(JOBS) --dist loadfile

# Long proofs: random networks by the thousand, compiled networks by the hundred, RTL. Takes about an hour;
# writes docs/deep.md.
deep: $(INSTALLED)
	$(BIN)/pytest -n $(JOBS) -m deep tests --junitxml=build/deep.xml
	$(BIN)/python tests/support/deep_summary.py build/deep.xml docs/deep.md

# All suites; writes benchmarks/RESULTS.md and the record of this commit in benchmarks/history.
bench: $(INSTALLED)
	mkdir -p build
	$(BIN)/pytest benchmarks --benchmark-only --benchmark-json=build/bench.json
	$(BIN)/python -m benchmarks.results build/bench.json

# After a change of the reference's facts that is right: make accept WHY='...'
accept: $(INSTALLED)
	$(BIN)/python -m benchmarks.reference accept --why "$$WHY"

# Speeds in units of a frozen calibration, against those accepted for this kind of machine.
bench-gate: $(INSTALLED)
	$(BIN)/python -m benchmarks.speed check

# The quick study with ten seeds (about ten minutes): what a training may change.
accept-retrained: $(INSTALLED)
	$(BIN)/python -m benchmarks.reference accept-retrained --why "$$WHY"

accept-speed: $(INSTALLED)
	$(BIN)/python -m benchmarks.speed accept --why "$$WHY"

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache
