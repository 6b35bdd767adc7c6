# From a clean clone with Python 3.11 or later and make:
#   make demo    records, replays and diffs against a fake Stripe on localhost, step by step
#   make quick   the tests to run after each edit, in under a minute
#   make test    lint, strict types, architecture, unit and end-to-end tests on the built wheel

PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
SUDO    = $(shell test "$$(id -u)" = 0 || echo sudo)
LOAD_SECONDS ?= 60
EXAMPLES ?= 2000
FUZZ_SECONDS ?= 60
# One worker more than cores: some tests wait. A worker that is done takes tests from another.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
PYTEST   = $(VENV)/bin/pytest -q -n $(WORKERS) --dist worksteal
# The rooms of values and pure functions. What takes seconds there carries the marker `slow`.
QUICK    = $(addprefix tests/,model stripe_api redaction library drift render scan) $(wildcard tests/test_*.py)
NEEDS_WRK = command -v wrk >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends wrk >/dev/null; }
CRASH    = tests/library/test_crash.py tests/library/test_scenario_crash.py
SOURCES = $(shell find replay -type f -not -name '*.pyc')

# Without bytecode, each worker would rewrite the assertions of all tests again: ten seconds each.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo quick test lint types unit stress laws leaks nasty scan-corpus halves truth kills crowd crash plugins versions sdks pythons compiled fuzz clients load bench bench-rows coverage conformance clean browser splits

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

$(VENV)/.dependencies: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "replay needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check '.[test]'
	touch $@

# The tests import the built wheel, never the source folder.
$(VENV)/.wheel: $(VENV)/.dependencies $(SOURCES) README.md
	rm -rf dist
	$(PY) -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
	touch $@

install: $(VENV)/.wheel

demo: install  ## record from a fake Stripe on localhost, replay offline, show the drift
	$(PY) scripts/demo.py

quick: install  ## values, routes, calls, redaction, drift, rendering, scan: under a minute
	$(PYTEST) -m "not slow" $(QUICK)

test: lint types unit  ## everything that must pass before a commit

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check --quiet .

types: install
	$(VENV)/bin/mypy

unit: install
	$(PYTEST) --ignore tests/benchmarks

stress: install  ## all tests twice beside busy loops, then five times those that wait
	$(PY) tests/stress.py

laws: install  ## property tests, with many more examples than `make test` tries
	REPLAY_PROOF=full REPLAY_EXAMPLES=$(EXAMPLES) $(PYTEST) -m hypothesis

coverage: install  ## branch coverage of redaction, library and drift
	$(VENV)/bin/coverage erase
	$(VENV)/bin/coverage run $(PYTEST) -p no:cacheprovider
	$(VENV)/bin/coverage combine --quiet
	$(VENV)/bin/coverage report --show-missing --skip-covered

leaks: install  ## plant private values everywhere, look for them in all that is written
	$(PY) tests/leaks/run.py

nasty: install  ## seventy-two nasty inputs and what each of them gets; FORM=--reduced for seconds
	$(PY) tests/proofs/nasty.py $(FORM)

scan-corpus: install  ## what `replay scan` finds of invented secrets, and its false alarms
	$(PY) tests/proofs/scan_corpus.py

halves: install  ## one version against itself, split in two: false alarms, and removals found without pairs
	$(PY) tests/proofs/halves.py $(FORM)

truth: install  ## a ledger of truth: each drift rule 10,000 times, leaks, calls online; writes docs/truth.md
	$(PY) tests/proofs/truth.py $(or $(FORM),--write)

kills: install  ## kill a recording process 1,000 times, look at what it left
	$(PY) tests/proofs/kills.py $(FORM)

crowd: install  ## 8 processes record into one library while others replay it
	$(PY) tests/proofs/crowd.py $(FORM)

crash: install  ## let each file-system operation of a recording run fail
	REPLAY_PROOF=full $(PYTEST) $(CRASH)

plugins: install  ## a small suite beside each of the pytest plugins that people have
	$(PY) scripts/plugin_matrix.py

versions: install  ## each library that replay hooks, at its lowest and newest supported version
	$(PY) scripts/library_versions.py $(VERSIONS)

pythons: install  ## each Python from 3.11 to 3.15 that is found, wheels alone, lowest dependencies; FORM=--short
	$(PY) -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	$(PY) scripts/pythons.py $(FORM)

sdks: install  ## each major version of the Stripe SDK from 7 on, in an environment of its own
	$(PY) scripts/stripe_sdks.py $(FORM)

fuzz: install  ## fuzz what reads files of strangers, guided by coverage; FUZZ_SECONDS=3600 for hours
	$(PY) tests/fuzz/run.py --seconds $(FUZZ_SECONDS) $(FUZZ)

compiled: install  ## compiled clients (curl_cffi, primp, pycurl, …) in mode none: nothing arrives
	$(PY) scripts/compiled_clients.py

clients: install  ## curl, the Stripe CLI and SDKs of four languages against `replay serve`
	$(PY) tests/clients/run.py

bench: install  ## time replay beside its rivals, as ratios
	$(PY) tests/benchmarks/run.py
	$(PY) -m pip install --quiet --disable-pip-version-check genson
	$(PY) tests/benchmarks/drift.py
	$(PY) tests/benchmarks/verify.py
	$(PY) tests/benchmarks/scan.py
	$(PY) tests/benchmarks/tracking.py
	$(NEEDS_WRK)
	$(PY) tests/benchmarks/servers.py

bench-rows: install  ## each row of the benchmarks once, to see that they still run
	$(PYTEST) tests/benchmarks

load: install  ## 500 connections and a minute each against `replay serve`: no request is lost
	$(NEEDS_WRK)
	$(PY) tests/load/run.py --seconds $(LOAD_SECONDS)

browser: install  ## the HTML report in a headless Chromium
	command -v chromium >/dev/null && command -v chromedriver >/dev/null \
	  || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends \
	       chromium chromium-driver >/dev/null; }
	$(PY) -m pip install --quiet --disable-pip-version-check 'selenium>=4.25'
	REPLAY_BROWSER=1 $(VENV)/bin/pytest -q tests/browser

splits: install  ## one version against itself, split at random 1,000 times
	REPLAY_SPLITS=1000 $(VENV)/bin/pytest -q tests/drift/test_grades.py -k against_itself

conformance: install  ## vcrpy's own suite inside an open session; the reads of stripe-python's
	$(PY) scripts/conformance.py
	$(PY) scripts/conformance_reads.py

clean:  ## remove the environment and everything built
	rm -rf .venv* .clients dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
