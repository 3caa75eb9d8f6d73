# Everything a person starts. Each target makes the environment first, or sees in no time that it is made.
SHELL := /bin/bash
.DEFAULT_GOAL := help
# Without bytecode every start of Airflow compiles 1,400 modules again.
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONHOME

PYTHON311 := $(or $(shell command -v python3.11),$(shell python3 -c 'import sys; sys.version_info[:2] == (3, 11) and print(sys.executable)' 2>/dev/null))
PYTHON := .venv/bin/python
# As many processes as cores, but at most four: each has a PostgreSQL, and some an Airflow.
JOBS ?= auto

# A value counts only if it was given as in `make run DAYS=10`: shells and editors export names like LINES.
given = $(if $(filter command,$(firstword $(origin $(1)))),$($(1)))
flag = $(if $(filter-out 0 no false,$(call given,$(1))),$(2))
sample_options = $(foreach name,DEALERS DAYS LINES SEED,$(if $(call given,$(name)),--$(shell echo $(name) | tr A-Z a-z) $(call given,$(name))))

# As it was written, and in the environment: a person's sentence has quotes and dollars that no shell is to read.
literally = $(if $(filter command,$(firstword $(origin $(1)))),$(value $(1)))

.PHONY: help env run test lint format bench docs xsd files feeds crm warranty verify release reject redeliver reopen reconciliation airflow purge \
  migrate sample lock clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

env: # .venv from requirements.txt, pinned and hashed
	@$(if $(PYTHON311),,echo "make: Python 3.11 is needed and was found neither as python3.11 nor as python3; install it, on Debian 12: apt install python3.11-venv" >&2; exit 1;) \
	$(PYTHON311) local/environment.py

run: env ## the whole system until Ctrl-C: ONCE=1 ends after the table; PORT=8085; DEALERS=12 DAYS=130 LINES=40000 SEED=1
	@exec $(PYTHON) -m local.run $(call flag,ONCE,--once) $(if $(call given,PORT),--port $(call given,PORT)) $(sample_options)

test: env ## every test; ARGS="tests/local -k port" for some
	@exec $(PYTHON) -m pytest -n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  $(call given,ARGS)

lint: env ## ruff and mypy
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

format: env ## put the code into shape
	@$(PYTHON) -m ruff check --fix --quiet . ; $(PYTHON) -m ruff format .

bench: env ## a delivery of 1 and 5 million lines beside its limit; ARGS= for the benchmark's own options
	@exec $(PYTHON) -m bench $(call given,ARGS)

docs: env ## the generated table of interfaces in README.md
	@$(PYTHON) -m local.catalogue

xsd: env ## the generated XML Schemas of the interfaces whose files are XML
	@$(PYTHON) -m include.layout.xsd fcs_ddc_daily

files: env ## the ledger's files as a table; JSON=1 for JSON lines
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.ledger files $(call flag,JSON,--json) $(call given,ARGS)

verify: env ## check the ledger's chain of events
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.ledger verify $(call given,ARGS)

# make would hand these on to the recipes' shells as well, expanded: a dollar in a sentence must stay a dollar.
unexport FILE REASON

release: env ## let a held file or a proposed revision go: FILE=<number or name> REASON="one sentence"
reject: env ## give a held file or a proposed revision up: FILE= REASON=
redeliver: env ## have a delivered file's very bytes sent again: FILE= REASON=
reopen: env ## take up again what was given up: FILE= REASON=
release reject redeliver reopen: export DECIDE_FILE = $(call literally,FILE)
release reject redeliver reopen: export DECIDE_REASON = $(call literally,REASON)
release reject redeliver reopen:
	@exec $(PYTHON) -m local.verbs $@

reconciliation: env ## a month's files against the sum of the daily ones: MONTH=2026-10; JSON=1; ARGS=--differences
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.reconcile $(call given,MONTH) $(call flag,JSON,--json) $(call given,ARGS)

airflow: env ## Airflow's own commands beside a running make run: ARGS="backfill create --dag-id ..."
	@exec $(PYTHON) -m local.airflow_command $(ARGS)

purge: env ## show what has outlived its retention; APPLY=1 removes it
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.ledger purge $(call flag,APPLY,--apply) $(call given,ARGS)

feeds: env ## dealers' feeds and what arrived: ARGS="list", "add --help", "arrivals --state HELD"
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.feeds $(call given,ARGS)

crm: env ## rejected rows, doubts, contacts, leads: ARGS="rejected", "review", "correct --help"
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.crm $(call given,ARGS)

warranty: env ## payments and claims: ARGS="lines", "differences", "decide --help", "disputes --to FILE", "figures"
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.warranty $(call given,ARGS)

migrate: env ## bring the dms and ledger databases to this code's schema
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m include.migrations.run all

sample: env ## another sample dealer group in the DMS: DEALERS=12 DAYS=130 LINES=40000 SEED=1
	@exec $(PYTHON) -m local.beside_postgres $(PYTHON) -m local.sample $(sample_options) $(call given,ARGS)

lock: env ## requirements.in → requirements.txt, with hashes
	@UV_CACHE_DIR=$${UV_CACHE_DIR:-.run/uv-cache} .venv/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 \
	  --custom-compile-command "make lock" $(call given,ARGS) requirements.in -o requirements.txt

clean: ## stop what runs and remove all local state (.run)
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local.clean; else rm -rf .run; fi

distclean: clean ## remove the environment, too
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
