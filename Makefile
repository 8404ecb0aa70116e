# `make run` and `make test` need Python 3.11 or newer and make; everything else is brought along.

SHELL := /bin/sh
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
STAMP := .venv/.runtime
DEV_STAMP := .venv/.development
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
PORT ?= 8000

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev browser sdks run test lint types migrations templates pytest seed doctor bench

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## make the virtual environment and install what running needs

setup-dev: $(DEV_STAMP) ## install what testing needs as well

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/of/python3.11" >&2; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

$(STAMP): requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt"
	@$(PIP) install --requirement requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(STAMP)
	@echo "Installing requirements-dev.txt"
	@$(PIP) install --requirement requirements-dev.txt
	@touch $@

run: setup ## start everything with the demo organisation (PORT=8000)
	@exec $(BIN)/python manage.py up --demo --port $(PORT)

test: lint types migrations templates browser sdks pytest ## everything that CI checks

lint: setup-dev ## style and layers
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache

types: setup-dev ## static types
	@$(BIN)/mypy cxm apps

migrations: setup-dev ## models and migrations agree
	@CXM_DATA_DIR=$${CXM_DATA_DIR:-var/test} $(BIN)/python manage.py makemigrations --check --dry-run

templates: setup-dev ## templates are sound
	@$(BIN)/djlint --lint --quiet --ignore H015,H020,H043,H044,H053 templates

browser: setup-dev
	@$(BIN)/python scripts/install_browser.py

sdks: setup-dev
	@$(BIN)/python scripts/install_sdks.py

pytest: setup-dev
	@$(BIN)/pytest -q -n 2 --dist loadfile

seed: setup ## make or complete the demo organisation
	@$(BIN)/python manage.py seed_demo

doctor: setup ## say what is wrong with this installation
	@$(BIN)/python manage.py doctor

bench: setup-dev ## measure against the limits of this machine
	@$(BIN)/python -m benchmarks
