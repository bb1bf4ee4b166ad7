# Two commands: `make demo` sets up and runs the main job, `make test` sets up and passes the tests.
# They need Python 3.11+ with venv, and make. Everything goes into .venv beside this file.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-failed check examples package bench gate chaos format docs clean

demo: .venv/.installed
	$(BIN)/celeriac demo

# Most tests wait: for servers to start, for leases to end. Three at a time take a third of the time on two cores.
# Status 1 says that all ran and some failed, which is noted: there is a second chance for these alone.
test: .venv/.testing
	@rm -f .venv/failures
	$(BIN)/python -m pytest --numprocesses 3 --dist loadscope || { [ $$? -ne 1 ] || touch .venv/failures; exit 1; }

# What failed in the last run, one test at a time.
test-failed: .venv/.testing
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none --exitfirst -rp

check: .venv/.checking
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

examples: .venv/.testing
	$(BIN)/python tests/packaging/run_examples.py

package: .venv/.checking
	$(BIN)/python tests/packaging/check_package.py

bench: .venv/.benchmarking
	$(BIN)/python bench/run.py

gate: .venv/.testing
	$(BIN)/python bench/gate.py
	$(BIN)/python bench/face.py

chaos: .venv/.testing
	PYTHONPATH=tests $(BIN)/python -m chaos.run --lanes 3 --results chaos.jsonl --write-docs $(CHAOS)
	MIXED_CLUSTER=10000 $(BIN)/python -m pytest -s tests/integration/test_mixed_cluster.py

format: .venv/.checking
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.testing
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Celeriac needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'

.venv/.installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.testing: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]' --group test
	@touch $@ .venv/.installed

.venv/.checking: .venv/.testing
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group check
	@touch $@

.venv/.benchmarking: .venv/.testing
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	$(BIN)/python bench/environments.py
	@touch $@
