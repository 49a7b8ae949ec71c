# What people and CI call. Every target does its own set-up; `make` alone explains.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench torture lock screenshot airflow clean

PYTEST_ARGS ?=
BIN := .venv/bin
# Airflow and the tests compile nothing anew when byte code may be written.
unexport PYTHONDONTWRITEBYTECODE

help: ## explain the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: ## make .venv and fetch the models
	@.make/setup requirements.lock
	@$(BIN)/facewarden models install

demo: setup ## make a small town, scan it in Airflow, compare planted with found, say where the report is
	@$(BIN)/facewarden demo

develop:
	@.make/setup requirements-dev.lock
	@$(BIN)/facewarden models install --samples

test: develop ## run the tests (those marked backend need PostgreSQL, MariaDB and Redis on this machine)
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: develop ## format check, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: develop ## measure, all or ONLY=name[,name]: see tests/benchmarks
	@.make/setup requirements-dev.lock requirements-bench.lock
	@$(BIN)/python tests/benchmarks/run.py $(ONLY)

torture: develop ## campaigns of faults, all or ONLY=name[,name]: see tests/torture
	@PYTHONPATH=. $(BIN)/python tests/torture/run.py $(ONLY)

screenshot: setup ## draw docs/report.png from the last demo (needs Chromium)
	@$(BIN)/facewarden screenshot var/demo/report.html docs/report.png

airflow: setup ## run a small Airflow with facewarden.yaml, on localhost
	@$(BIN)/facewarden airflow

lock: develop ## resolve all dependencies anew
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group bench -c requirements-dev.lock -o requirements-bench.lock
	@echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header -c requirements-dev.lock - -o .make/uv.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header pyproject.toml --extra cluster -c requirements.lock -o docker/requirements.lock

clean: ## remove what the project made: environment, demo, caches
	rm -rf .venv var build .mypy_cache .ruff_cache .pytest_cache *.egg-info
