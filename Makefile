# `make` prints these verbs. Everything runs in .venv, installed from requirements.lock with hash checking.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONDONTWRITEBYTECODE =
export DO_NOT_TRACK := 1

.PHONY: help demo test test-faults test-spark lint ui bench bench-identity lock clean

help: ## print the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(VENV)/installed: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.lock
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

demo: $(VENV)/installed ## a real shop, from its files to its marts, in one command
	@$(BIN)/cxw demo

test: $(VENV)/installed ## lint, unit, property and pipeline tests
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Four workers on two cores: some of these tests wait for daemons, locks and sleeping readers.
test-faults: $(VENV)/installed ## every fault of the catalogue, and the table of what was seen
	$(BIN)/python -m pytest tests/faults -m faults -n 4 --dist loadfile --no-loadscope-reorder --write-fault-table

lint: $(VENV)/installed ## the rules that tools can keep
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

test-spark: $(VENV)/installed ## the same marts on Spark, cell by cell (needs Java 17; own environment)
	@$(BIN)/python tests/parity/run_spark.py

ui: $(VENV)/installed ## the Dagster UI on loopback
	@$(BIN)/cxw ui

bench: $(VENV)/installed ## measure the figures of the README
	@$(BIN)/python tests/bench/measure.py

bench-identity: $(VENV)/installed ## how well people are found, and how fast on a million records
	@$(BIN)/python tests/bench/identity_quality.py --timing 1000000

lock: ## resolve requirements.lock again (hashes, no URLs)
	$(PYTHON) -m uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-header --quiet \
	  --custom-compile-command "make lock" -o requirements.lock
	$(PYTHON) -m uv pip compile --group spark --universal --generate-hashes --no-header --quiet \
	  --custom-compile-command "make lock" -o requirements-spark.lock

clean: ## remove the environment and the demo's state
	rm -rf $(VENV) .venv-spark .cxw
