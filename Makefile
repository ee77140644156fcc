# Everything lives in .venv, made from any Python 3.11 to 3.13 with the standard library's venv and pip alone.
# `make PYTHON=/path/to/python …` chooses the interpreter; `make LOCK=requirements-gpu.lock …` takes CUDA's onnxruntime.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

LOCK ?= requirements.lock
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed-from-$(LOCK)
FAST := not kafka and not slow and not gpu and not browser
ARGS ?=
MINUTES ?= 20

.PHONY: help demo test faults check fmt bench eval-text eval-images soak docs lock clean

help:  ## show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(STAMP): $(LOCK) pyproject.toml
	@python=$${PYTHON:-}; \
	for candidate in $${python:-python3 python3.13 python3.12 python3.11}; do \
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; then \
	    found=$$candidate; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "error: no Python 3.11, 3.12 or 3.13 found; install one, or: make PYTHON=/path/to/python" >&2; exit 1; fi; \
	if ! "$$found" -c 'import venv, ensurepip' 2>/dev/null; then \
	  echo "error: $$found cannot make environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; fi; \
	echo "making or renewing $(VENV) with $$("$$found" --version) from $(LOCK)" >&2; \
	if [ ! -e $@ ]; then "$$found" -m venv --clear $(VENV); fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(STAMP)  ## the whole journey on this machine: weights, embedded broker, worker, prompts and photographs
	@$(BIN)/veilstream models pull
	@$(BIN)/veilstream demo

test: $(STAMP)  ## the suite, the fault matrix apart; with Java 17 and Maven also on a real Apache Kafka
	@$(BIN)/veilstream models pull
	@$(BIN)/python -m pytest -m "not faults" $(ARGS)

faults: $(STAMP)  ## every fault on a real Apache Kafka, and the table of what it did in docs/delivery.md
	@$(BIN)/veilstream models pull
	@mkdir -p out
	@$(BIN)/python -m pytest tests/faults --fault-table out/faults.md $(ARGS)
	@$(BIN)/python -m tests.faults.rows out/faults.md docs/delivery.md

check: $(STAMP)  ## format, lint, types, import rules and the fast tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/veilstream models pull
	@$(BIN)/python -m pytest -q -m "$(FAST)" $(ARGS)

fmt: $(STAMP)  ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(STAMP)  ## throughput beside the bare detectors, the bare Kafka loop, Presidio and deface; what the gate costs
	@$(BIN)/veilstream models pull
	@$(BIN)/python -m tests.benchmarks $(ARGS)
	@$(BIN)/python -m tests.benchmarks.gate

eval-text: $(STAMP)  ## every figure about prompts, with its goal; most need ../shared/eval
	@$(BIN)/veilstream models pull
	@$(BIN)/python -m tests.evals.text $(ARGS)

eval-images: $(STAMP)  ## faces, text, metadata, malformed files, who is recognised, costs, and sheets; needs ../shared/eval
	@$(BIN)/veilstream models pull
	-@$(BIN)/python -m tests.evals.images_faces --sheet out/faces
	@$(BIN)/python -m tests.evals.images_faces --large
	@$(BIN)/python -m tests.evals.images_faces --turned 1
	@$(BIN)/python -m tests.evals.images_reidentification --sheet out/reidentification $(EMBEDDER:%=--embedder %)
	@$(BIN)/python -m tests.evals.images_metadata $(ARGS)
	@$(BIN)/python -m tests.evals.images_malformed $(ARGS)
	@$(BIN)/python -m tests.evals.decode_cost
	@$(BIN)/python -m tests.evals.images_receipts --sheet out/receipts
	@$(BIN)/python -m tests.evals.images_cost

soak: $(STAMP)  ## MINUTES of random faults on a real Apache Kafka, then the oracle's table
	@$(BIN)/veilstream models pull
	@$(BIN)/python -m tests.soak --minutes $(MINUTES) $(ARGS)

docs: $(STAMP)  ## renew the pages that are generated from the code
	@$(BIN)/python -m tests.support.settings_reference > docs/settings.md
	@$(BIN)/python -m tests.support.cli_reference > docs/cli.md
	@$(BIN)/veilstream policy schema > deploy/policies/filterpolicy.schema.json

LOCKING := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --quiet

lock:  ## renew the locked versions (needs uv)
	@uv pip compile pyproject.toml --extra cpu --extra dev $(LOCKING) --upgrade --output-file requirements.lock
	@uv pip compile pyproject.toml --extra gpu --extra dev $(LOCKING) --constraint requirements.lock \
	  --upgrade --output-file requirements-gpu.lock

clean:  ## remove the environment, caches and outputs
	@rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist out *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
