# make demo | artefacts | test | test-slow | test-slurm | pull | push | lint | format | bench | docs | schema. Each sets up .venv by itself.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := $(CURDIR)/.venv/bin
STAMP := .venv/.installed
JOBS ?= 2
TARGET ?= results/autogo/nb201
PYTHON_CODE := src tests benchmarks examples workflow/scripts
SNAKEMAKE_CODE := Snakefile rules
REACH = echo 'The commands archloom and snakemake: . .venv/bin/activate (once per shell), or .venv/bin/archloom'

export PATH := $(BIN):$(PATH)
test test-slow test-slurm bench: export OMP_NUM_THREADS = 1

.PHONY: help environment browser demo artefacts test test-slow test-slurm pull push lint format bench docs schema

help:
	@sed -n 's/^# make/make/p; s/^\([a-z-]*\):.*## /\1: /p' Makefile

environment: $(STAMP) ## set up .venv

# torch goes first and alone: any package that depends on it would bring CUDA packages along.
$(STAMP): pyproject.toml constraints.txt
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo 'archloom needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	[ -x "$(BIN)/python" ] || "$(PYTHON)" -m venv .venv
	pip=("$(BIN)/python" -m pip --disable-pip-version-check install --quiet)
	"$${pip[@]}" torch==2.13.0
	"$${pip[@]}" -c constraints.txt -e '.[dev]'
	touch $(STAMP)

# The report's browser test needs chromium; without it that test skips.
browser:
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then exit 0; fi
	if command -v apt-get >/dev/null 2>&1 && [ "$$(id -u)" = 0 ]; then
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null \
	        || echo 'chromium could not be installed: the browser test of the report will skip.'
	else
	    echo 'chromium is missing: the browser test of the report will skip.'
	fi

demo: $(STAMP) ## make TARGET (results/autogo/nb201) at default scale and say where the report is
	@snakemake --profile profiles/local -- $(TARGET)
	echo "The report: $(CURDIR)/$(TARGET)/report.html"
	$(REACH)

artefacts: $(STAMP) ## vocabulary, segments and predictor for networks of your own, into resources/
	@snakemake --profile profiles/local -- resources/predictors/all/psc.safetensors resources/segments
	echo "archloom optimise my.onnx better/ now finds what it needs in $(CURDIR)/resources."
	$(REACH)

test: lint browser ## lint, then all tests but the slow ones
	python -m pytest -n $(JOBS) --dist loadfile -m "not slow"

test-slow: $(STAMP) browser ## only the slow tests
	python -m pytest -n $(JOBS) --dist loadfile -m slow

# Installs Debian's Slurm where it is missing, starts it, and stops it again: for containers.
test-slurm: $(STAMP) ## a real Slurm on this machine runs AutoGO and meets with faults; as root
	ARCHLOOM_TEST_SLURM=1 python -m pytest tests/slurm

pull: $(STAMP) ## get shared data and caches from DVC's remote, and recognise them
	@archloom pull

push: $(STAMP) ## send what was made to DVC's remote; commit dvc.lock afterwards
	@archloom push

lint: $(STAMP) ## ruff, snakefmt, mypy
	ruff check $(wildcard $(PYTHON_CODE))
	ruff format --check $(wildcard $(PYTHON_CODE))
	snakefmt --check $(SNAKEMAKE_CODE)
	mypy

format: $(STAMP) ## rewrite the code in the project's layout
	ruff check --fix $(wildcard $(PYTHON_CODE))
	ruff format $(wildcard $(PYTHON_CODE))
	snakefmt $(SNAKEMAKE_CODE)

bench: $(STAMP) ## speed and quality suites; results go to benchmarks/results/
	@failed=
	for script in benchmarks/bench_*.py benchmarks/*/bench_*.py; do
	    module=$${script%.py}
	    python -m "$${module//\//.}" || failed+=" $$script"
	done
	if [ "$$failed" ]; then echo "failed:$$failed" >&2; exit 1; fi

docs: $(STAMP) ## API reference from the docstrings, into docs/api/
	@modules=$$(python -c "import pkgutil, archloom as a; \
	    print('archloom', *(m.name for m in pkgutil.walk_packages(a.__path__, 'archloom.') \
	    if m.name != 'archloom.io.reference.restricted_child'))")
	python -W ignore -m pdoc --no-show-source -o docs/api $$modules
	echo "The API reference: $(CURDIR)/docs/api/archloom.html"

schema: $(STAMP) ## regenerate config/default.yaml, config/schema.json and docs/configuration.md
	python -m archloom.config.generated .
