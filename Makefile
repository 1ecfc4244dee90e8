# Two commands are all one needs: `make run` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/pytest -n auto

.DEFAULT_GOAL := help
.PHONY: help run test check soak bench bench-quick format clean

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile

run: $(VENV)/.run ## install, make keys and a database (with a sample if it is empty), and serve on 127.0.0.1:8080
	@test -e var/keys.toml || $(BIN)/carddav-msg keys init
	@$(BIN)/carddav-msg migrate
	@networks=$$($(BIN)/carddav-msg network list --json | tr -d ' \n'); \
	if [ "$$networks" = "[]" ]; then \
	  $(BIN)/carddav-msg import networks carddav_msg/sample/networks.csv && \
	  $(BIN)/carddav-msg import users carddav_msg/sample/users.csv || exit 1; fi; \
	case "$$networks" in '[]' | *'"aurora"'*) \
	  sed -n '/<!-- try it -->/,/<!-- tried -->/p' README.md | sed '/^<!--/d; /^```/d';; esac
	@exec $(BIN)/carddav-msg serve

test: $(VENV)/.test ## install what the tests need and run them
	@$(PYTEST)

check: $(VENV)/.check ## everything CI asks for: format, lint, types, layers, tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

soak: $(VENV)/.test ## the tests with full counts of random examples (hours)
	@CARDDAV_MSG_SOAK=1 $(BIN)/pytest tests/test_abuse.py # alone: it measures how long phones wait
	@CARDDAV_MSG_SOAK=1 $(PYTEST) --ignore tests/test_abuse.py

bench: $(VENV)/.test bench/.cache/xandikos ## measure all servers on an idle machine and write bench/RESULTS.md (hours)
	$(BIN)/python -m bench peers
	$(BIN)/python -m bench growth
	$(BIN)/python -m bench accounts
	$(BIN)/python -m bench coldstart
	$(BIN)/python -m bench scaling
	$(BIN)/python -m bench mix

bench-quick: $(VENV)/.run ## a small run of the benchmark that proves its answers
	$(BIN)/python -m bench --quick

bench/.cache/xandikos:
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet "xandikos>=0.4.10,<0.5" || { rm -rf $@; exit 1; }

format: $(VENV)/.check ## format the code and repair what lint can repair
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean: ## remove what was built; var/ with keys and database stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.run: $(VENV)/.pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.run pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[postgresql,redis]" --group test
	@touch $@

$(VENV)/.check: $(VENV)/.test pyproject.toml
	$(BIN)/python -m pip install --quiet --group check
	@touch $@
