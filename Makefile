# `make demo` and `make test` set everything up on a machine that has Python 3.11 with venv and make.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
GOLDEN := golden_audio/checkpoint/model.pt
DEMO := reports/demo


# Where Python 3.8 is: official fairseq has wheels for no newer one.
OLDEST_PYTHON ?= $(shell for p in python3.8 $(HOME)/.pyenv/versions/3.8.*/bin/python3.8; do $$p -c pass 2>/dev/null && echo $$p && break; done)
OLDEST := .venv-oldest
OLDEST_STAMP := $(OLDEST)/.installed
RELEASED := .venv-released
# Where `toolkit.oracle.mends.kaldi` looks, and nothing else does; the shell asks once there is a Python.
TORCHAUDIO := $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchaudio_alone
FOREIGN := .foreign
FOREIGN_STAMP := $(FOREIGN)/.installed

# Where it is set, every process of a test would compile the toolkit and the tests anew.
unexport PYTHONDONTWRITEBYTECODE

# All but what takes minutes, needs what not every machine has, or has a target of its own.
SUITE := -m "not slow and not wide and not browser and not oldest and not released and not foreign" --ignore=tests/docs -n auto --dist worksteal
# Tests that ask no fairseq: where it has no wheel, as for Python 3.10, they are what can run.
PLAIN := tests/core tests/structure $(filter-out %/test_ops.py,$(wildcard tests/mapping/test_*.py))

.PHONY: help demo test test-plain test-oldest test-released test-foreign test-slow test-all test-wide test-docs coverage docs fuzz bench bench-batch kills kills-batch check structure format variants faults forks bench-audit bench-diff bench-waiting test-browser bench-modules bench-report full-size example-report golden golden-ctc golden-filter-banks golden-units golden-mbart golden-pretraining clean

help: ## Say what the targets do.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Convert the golden checkpoint, prove it, write reports/demo/index.html.
	@rm -rf $(DEMO) && mkdir -p $(DEMO)
	$(BIN)/toolkit convert $(GOLDEN) $(DEMO)/hf --verify --html $(DEMO)/index.html --json $(DEMO)/result.json

test: $(STAMP) ## Run the suite: each kind of behaviour once.
	$(BIN)/python -m pytest $(SUITE)

test-plain: $(STAMP) ## Run the part of the suite that asks no fairseq.
	$(BIN)/python -m pytest $(SUITE) $(PLAIN)

coverage: $(STAMP) ## Run what make test runs, under coverage; below its floor it fails.
	$(BIN)/python -m pytest $(SUITE) --cov --cov-report=term

test-oldest: $(STAMP) $(OLDEST_STAMP) ## Record with Python 3.8, fairseq 0.12.2 and torch 1.10; compare.
	TOOLKIT_OLDEST_PYTHON=$(CURDIR)/$(OLDEST)/bin/python $(BIN)/python -m pytest -m oldest

test-released: $(STAMP) ## Judge what released transformers save and what the public script makes.
	TOOLKIT_RELEASED=$(CURDIR)/$(RELEASED) $(BIN)/python -m pytest -m released

test-foreign: $(STAMP) $(FOREIGN_STAMP) ## Compare models of other packages with those of transformers.
	TOOLKIT_FOREIGN=$(CURDIR)/$(FOREIGN) $(BIN)/python -m pytest -m foreign -n auto

test-browser: $(STAMP) ## Use the reports in headless Chromium; installs Debian's where there is none.
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -qq -y chromium)
	$(BIN)/python -m pytest -m browser -n 2

test-slow: $(STAMP) ## Run the slow part: remakes the golden material (needs espeak-ng).
	$(BIN)/python -m pytest -m slow -n auto --dist worksteal

test-all: test test-wide test-slow test-foreign test-released test-oldest test-browser variants ## Run every test there is.

test-wide: $(STAMP) ## Run what repeats a path of make test: other processes, another device, more cases.
	$(BIN)/python -m pytest -m "wide and not slow" -n auto --dist worksteal

test-docs: $(STAMP) ## Run every command of the documentation, and build it.
	$(BIN)/python -m pytest tests/docs -n auto --dist worksteal

docs: $(STAMP) ## Build the documentation into reports/site.
	$(BIN)/python -m zensical build --strict

check: $(STAMP) ## Lint, format, types, layers.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

structure: $(STAMP) ## Measure the shape of the code: cycles, lengths, words of families.
	@$(BIN)/python -m tests.structure

format: $(STAMP) ## Apply the formatter and the safe fixes.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

variants: $(STAMP) ## Convert, prove, diff and break every kind of XMTransformer.
	@$(BIN)/python -m tests.variants

FUZZ_SECONDS ?= 600

fuzz: $(STAMP) ## Attack every reader with random input for FUZZ_SECONDS (600).
	$(BIN)/python -m pytest -q tests/fuzz/test_structure.py --hypothesis-profile=fuzz
	$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS)

faults: $(STAMP) ## Break the golden conversion in some 600 ways and check what diff says of each.
	@mkdir -p reports/faults
	$(BIN)/toolkit faults --html reports/faults/index.html --json reports/faults/result.json

forks: $(STAMP) ## Make a hundred forks, infer their mappings, convert and prove: the bar of `toolkit infer`.
	$(BIN)/python -m tests.forks

bench: $(STAMP) ## Time conversions of big checkpoints against cp and the usual algorithm.
	$(BIN)/python -W ignore -m benchmarks.convert

kills: $(STAMP) ## Kill a hundred conversions at random moments.
	$(BIN)/python -m pytest -m slow tests/test_nothing_lost.py

bench-audit: $(STAMP) ## Time an audit against hashing the same files.
	$(BIN)/python -W ignore -m benchmarks.audit

kills-batch: $(STAMP) ## Kill batches and writers of one RESULTS two hundred times; says what is left.
	$(BIN)/python -m pytest -s -m slow tests/test_batches_killed.py

BATCH ?= 200

bench-batch: $(STAMP) ## Time a batch of BATCH (200) checkpoints against its jobs' work, single commands, Ray.
	$(BIN)/python -W ignore -m benchmarks.batch --checkpoints $(BATCH)

bench-diff: $(STAMP) ## Time a diff against a bare load of both models.
	$(BIN)/python -W ignore benchmarks/diff.py

bench-waiting: $(STAMP) ## Time what a person waits for at a terminal.
	$(BIN)/python -W ignore -m benchmarks.waiting

bench-modules: $(STAMP) ## Time and weigh a comparison of two models against running both.
	$(BIN)/python -W ignore -m benchmarks.modules

bench-report: $(STAMP) ## Time and weigh the HTML reports.
	$(BIN)/python -W ignore benchmarks/report.py

full-size: $(STAMP) ## Convert and prove encoders of published sizes; an hour, 12 GB.
	$(BIN)/python -W ignore -m tests.published.full_size

example-report: $(STAMP) ## Write reports/example again.
	$(BIN)/python -m tests.report.example

golden: $(STAMP) ## Make golden_audio again: clips (needs espeak-ng) and all trained checkpoints.
	$(BIN)/python -W ignore golden_audio/recipe.py

golden-ctc: $(STAMP) ## Make the CTC checkpoint of golden_audio again, from the clips that are there.
	$(BIN)/python -W ignore golden_audio/recipe.py --only ctc

golden-filter-banks: $(STAMP) ## Make the S2T checkpoint of golden_audio again, from the clips that are there.
	$(BIN)/python -W ignore golden_audio/recipe.py --only s2t

golden-units: $(STAMP) ## Make the S2UT checkpoint of golden_audio again, from the clips that are there.
	$(BIN)/python -W ignore golden_audio/recipe.py --only s2ut

golden-mbart: $(STAMP) ## Make the checkpoint of texts of golden_audio again, from the sentences of its recipe.
	$(BIN)/python -W ignore golden_audio/recipe.py --only mbart

golden-pretraining: $(STAMP) ## Make the pretraining checkpoint of golden_audio again, from the clips that are there.
	$(BIN)/python -W ignore golden_audio/recipe.py --only pretraining

clean: ## Remove everything that make made.
	rm -rf $(VENV) $(OLDEST) $(RELEASED) $(FOREIGN) $(DEMO) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

# ve-fairseq comes without its dependencies: they ask for torchaudio, whose CUDA build breaks a CPU
# torch. What it really needs is the extra `fairseq`.
# torchaudio, which fairseq makes filter banks by, stands aside for that: transformers would import it.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt "pip>=25.1"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable ".[fairseq,ray,parquet,handoff]"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps "ve-fairseq; python_version >= '3.11'"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps --upgrade --target $(TORCHAUDIO) torchaudio
	@touch $@

# fairseq 0.12.2 comes without its dependencies too, for the same reason. pip since 24.1 refuses the
# metadata of the omegaconf that it needs.
$(OLDEST_STAMP): tests/oldest-requirements.txt
	@test -n "$(OLDEST_PYTHON)" || { echo "error: \`python3.8\` must be there for this test, but is not. Name it: make test-oldest OLDEST_PYTHON=/path/to/python3.8" >&2; exit 2; }
	rm -rf $(OLDEST)
	$(OLDEST_PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/pip install --quiet --disable-pip-version-check "pip<24.1"
	$(OLDEST)/bin/pip install --quiet --disable-pip-version-check --requirement tests/oldest-requirements.txt
	$(OLDEST)/bin/pip install --quiet --disable-pip-version-check --no-deps fairseq==0.12.2
	@touch $@

# Without dependencies: they ask for another torch, and importing the models takes few of them.
$(FOREIGN_STAMP): tests/foreign-requirements.txt | $(STAMP)
	rm -rf $(FOREIGN)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $(FOREIGN) --requirement tests/foreign-requirements.txt
	@touch $@
