# `make` alone prints the targets.
.DEFAULT_GOAL := help
.PHONY: help install demo test check docs bench soak clean

PYTHON ?= python3
BIN := .venv/bin

help:  ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(BIN)/python -m compileall -q runner
	@touch $@

install: .venv/installed  ## set up .venv with runner and what its tests need

demo: .venv/installed  ## run jobs.example.yaml against the embedded provider
	$(BIN)/runner --db outputs/demo.db run jobs.example.yaml

test: .venv/installed  ## run the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: .venv/installed  ## ruff, mypy, the walls between modules, migrations against tables
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m migrations.check

docs: .venv/installed  ## write the generated reference anew
	$(BIN)/python -m docs.generate

bench: .venv/installed  ## measure runner beside bare aiohttp and others, all of it or ONLY=chat; QUICK=1 tries it
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(QUICK),--quick)

soak: .venv/installed  ## do harm to one batch for MINUTES (5), by a SEED if given, and look for new examples
	$(BIN)/python tests/soaking.py --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest tests/test_store_model.py tests/test_retry.py tests/test_expand.py

clean:  ## remove what make install, make demo and make bench made
	rm -rf .venv .bench outputs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
