# Every target sets up what it needs: a virtual environment in .venv, from pyproject.toml and constraints.txt.
# PIPFLAGS= (empty) shows pip at work; PYTHON=python3.13 builds .venv with another interpreter (make clean first).

PYTHON ?= python3
PYTHONS ?= 3.12 3.13
ARGS ?=
SECONDS ?= 600
PIPFLAGS ?= --quiet

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL = -m pip --disable-pip-version-check install $(PIPFLAGS) -c constraints.txt
SOURCES := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: docs defaults api comparison flows tree taxonomy events runbook help demo test check lint types bench soak models faults fuzz cost conformance test-all-pythons clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile
	@echo "  ARGS='...' is handed on: make test ARGS='-k sessions -x'"

demo: $(VENV)/.demo ## a server to try, made for the moment: nothing is kept
	@$(BIN)/watchword demo $(ARGS)

test: $(VENV)/.ready ## run the tests
	@$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.ready ## what CI runs: style, architecture, types, tests
	@$(MAKE) --no-print-directory --keep-going lint types test || \
		{ printf '\n==== make check: FAILED (see above) ====\n' >&2; exit 1; }
	@printf '\n==== make check: style, architecture, types and tests all passed ====\n'

lint: $(VENV)/.ready ## style and architecture: ruff, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache --no-logo

types: $(VENV)/.ready ## mypy --strict
	@$(BIN)/mypy

soak: $(VENV)/.ready ## what must happen exactly once, 200 rounds of a hundred at once; the long state machines, models; every golden plan
	@WATCHWORD_SOAK=200 $(BIN)/python -m pytest -q tests/properties/test_exactly_once.py $(ARGS)
	@WATCHWORD_SOAK=5 $(BIN)/python -m pytest -q tests/properties/test_system_machine.py tests/properties/test_models.py \
		tests/properties/test_refresh_machine.py tests/contracts/test_store_machine.py $(ARGS)
	@WATCHWORD_SOAK=1 $(BIN)/python -m pytest -q tests/cli/test_advise_written.py $(ARGS)

faults: $(VENV)/.ready ## break what watchword stands on, and write docs/reference/faults.md (half an hour or so)
	@$(BIN)/python -m tests.faults.run --scale full --json docs/reference/faults.jsonl $(ARGS); wrong=$$?; \
		$(BIN)/python -m tests.faults.page && exit $$wrong

models: $(VENV)/.ready ## search the small models through whole, their seeded mutants too: make models ARGS=--deep
	@$(BIN)/python -m models $(ARGS)

taxonomy: $(VENV)/.ready ## write docs/reference/taxonomy.md: the table of kinds, and each kind presented to each verifier
	@$(BIN)/python -m tests.contracts.taxonomy_page

events: $(VENV)/.ready ## write docs/reference/events.md: what dies of what
	@$(BIN)/python -m tests.contracts.events_page

tree: $(VENV)/.ready ## draw the decision tree of watchword advise, and write docs/reference/advice.md
	@$(BIN)/python -m tests.docs.advice_pages

api: $(VENV)/.ready ## write docs/reference/api.md: the signatures and docstrings of the public names
	@$(BIN)/python -m tests.docs.api

comparison: $(VENV)/.ready ## write docs/explanation/sessions-jwt-paseto.md: each answer with the test that shows it
	@$(BIN)/python -m tests.docs.comparison

flows: $(VENV)/.ready ## draw the three flows, and write docs/explanation/three-flows.md: each step with its stage and its file
	@$(BIN)/python -m tests.docs.flows

defaults: $(VENV)/.ready ## write docs/reference/defaults.md: each default, what changes it, and whose advice it is
	@$(BIN)/python -m tests.docs.defaults

runbook: $(VENV)/.ready ## write docs/runbook/: what ails, by symptom
	@$(BIN)/python -m tests.docs.runbook

docs: $(VENV)/.ready ## write docs/ out as a site: build/docs/index.html; a broken link is an error
	@$(BIN)/python -m tests.docs.site build/docs

bench: $(VENV)/.ready ## measure formats, the hot path and whole requests against other libraries
	@$(BIN)/python benchmarks/formats.py $(ARGS)
	@$(BIN)/python benchmarks/hot_path.py $(ARGS)
	@$(BIN)/python benchmarks/redis_lookups.py $(ARGS)
	@$(BIN)/python benchmarks/blocklist.py $(ARGS)
	@$(BIN)/python benchmarks/growth.py $(ARGS)
	@$(BIN)/python benchmarks/whole_request.py $(ARGS)

# atheris has wheels for some Pythons and systems alone, so it stays out of [dev] and has an environment of its own.
fuzz: $(VENV)-fuzz/.ready ## search for inputs that break a reader: make fuzz SECONDS=600
	@nice -n 10 $(VENV)-fuzz/bin/python -m fuzz.run --seconds $(SECONDS) $(ARGS)

cost: $(VENV)/.ready ## what the slowest hostile inputs of 8 KiB cost
	@$(BIN)/python -m fuzz.cost $(ARGS)

conformance: $(VENV)/.ready ## run the corpora and the other implementations, and write docs/reference/conformance.md
	@WATCHWORD_REQUIRE=vectors $(BIN)/python -m pytest -q tests/vectors tests/hostile tests/interop
	@$(BIN)/python -m tests.conformance.page

# PYENV_VERSION lets pyenv's python3.12 answer when another version is its default; without pyenv it says nothing.
test-all-pythons: ## the tests again on python3.12 and python3.13, where they are found
	@for version in $(PYTHONS); do \
		if PYENV_VERSION=$$version python$$version -c '' 2>/dev/null; then \
			$(MAKE) --no-print-directory $(VENV)-$$version/.ready || exit 1; \
			printf '\n==== python%s ====\n' $$version; \
			$(VENV)-$$version/bin/python -m pytest $(ARGS) || exit 1; \
		else \
			printf '\n==== python%s: not found, not tested ====\n' $$version; \
		fi; \
	done

clean: ## remove the virtual environments, caches and build results
	rm -rf $(VENV) $(VENV)-* build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +


# Set-up. The stamps are kept inside the environments, so that they go with them.

$(VENV)/.demo: $(SOURCES) | $(BIN)/pip
	@echo "Installing watchword with its server into $(VENV) ..."
	@$(BIN)/python $(PIP_INSTALL) -e '.[server]'
	@touch $@

$(VENV)/.ready: $(SOURCES) | $(BIN)/pip
	@echo "Installing watchword with everything its tests need into $(VENV) (a minute or two) ..."
	@$(BIN)/python $(PIP_INSTALL) -e '.[dev]'
	@touch $(VENV)/.demo $@

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here. Name a Python from 3.11 on: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "watchword needs Python 3.11 or newer; this is $$($(PYTHON) --version)." \
			"Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Creating $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)-fuzz/.ready: $(SOURCES) | $(BIN)/pip
	@echo "Installing watchword and atheris into $(VENV)-fuzz ..."
	@$(BIN)/python -m venv $(VENV)-fuzz
	@$(VENV)-fuzz/bin/python $(PIP_INSTALL) --only-binary=atheris -e '.[fast]' 'atheris>=3' || { \
		echo "atheris has no wheel for $$($(BIN)/python --version) on this system; the copy of the search in" \
			"tests/properties/test_fuzz.py needs none." >&2; rm -rf $(VENV)-fuzz; exit 1; }
	@touch $@

$(VENV)-%/.ready: $(SOURCES)
	@echo "Installing watchword with everything its tests need into $(VENV)-$* (a minute or two) ..."
	@PYENV_VERSION=$* python$* -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python $(PIP_INSTALL) -e '.[dev]'
	@touch $@
