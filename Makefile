# Each target makes its environment, installs what it needs, and runs. A second call installs nothing.

PYTHON ?= python3
ARGS ?=
SECONDS ?= 60
JOBS ?= 0
VENV := .venv
BIN := $(VENV)/bin
# Not quiet: the first call takes minutes, and pip says what it loads and how far it is.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-compile --constraint constraints.txt
TORCH := torch==2.13.0
# Else each process compiles what it imports, where none may write beside a file. On all cores, and without what is
# never imported: pip would take one core and all files. Some libraries have files for a newer Python.
COMPILE = $(BIN)/python -m compileall -qq -j $(JOBS) -x '/(tests?|testing/_internal|models|onnx|_inductor|sqlalchemy|networkx|pygments|pip|setuptools|mypy|mypyc)/' src $(VENV)/lib || true

.PHONY: run test full quick thorough fuzz corpus figures lint bench docs clean

run: $(VENV)/run.stamp
	@echo "Training on handwritten digits: a few seconds until torch is loaded, about ten for 900 updates."
	@$(BIN)/python examples/digits/train.py $(ARGS)

# The suite and the examples in the docstrings of src: under four minutes on two free cores. Of many cases of one kind it
# takes one of each sort.
test: $(VENV)/compiled.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not long" $(ARGS)

# The same with all cases, and with more examples and kills: before a release.
full: $(VENV)/compiled.stamp
	HYPOTHESIS_PROFILE=release PARAMSCHED_KILLS=3 $(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

# For the minutes between two edits, under one of them: what starts no process, no engine and no compiler.
quick: $(VENV)/compiled.stamp
	HYPOTHESIS_PROFILE=glance $(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not heavy" tests/unit tests/laws $(ARGS)

# The whole suite with a thousand new examples for every property: an hour or more.
thorough: $(VENV)/compiled.stamp
	HYPOTHESIS_PROFILE=thorough $(BIN)/python -m pytest -n 2 --dist worksteal -q tests/laws tests/reference tests/fuzz $(ARGS)

# Damaged and hostile input at every boundary, drawn anew each round: make fuzz SECONDS=3600
fuzz: $(VENV)/compiled.stamp
	end=$$(( $$(date +%s) + $(SECONDS) )); while [ $$(date +%s) -lt $$end ]; do \
	    HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n 2 --dist worksteal -q tests/fuzz $(ARGS) || exit 1; done

# Real MMEngine configs against MMEngine itself, value by value; it runs them, so give a folder you trust:
# make corpus CONFIGS=../mmdetection ARGS="--import my.schedulers"
corpus: $(VENV)/compiled.stamp
	$(BIN)/python tests/corpus/compare_mmengine.py $(CONFIGS) $(ARGS)

# The size and the structure of the source. It needs no environment.
figures:
	@$(PYTHON) tools/code_figures.py $(ARGS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# Alone on the machine and in one process: timings are ratios to a floor measured in the same run.
bench: $(VENV)/compiled.stamp
	$(BIN)/python -m pytest benchmarks --benchmark-only -p no:xdist $(ARGS)

# Code and console snippets of the pages run while they are built; then links and spelling, in the documents beside them too.
docs: $(VENV)/docs.stamp
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q -j auto -b html docs docs/_build/html
	$(BIN)/python tools/check_links.py
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md docs src examples tests/README.md
	@echo docs/_build/html/index.html

clean:
	rm -rf $(VENV) docs/_build docs/_generated runs .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@echo "First call: making the environment $(VENV) and installing what is needed takes 1 to 5 minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip  # that of an older Python takes three times as long

# torch comes first and by its exact version, so that nothing that depends on it chooses another build.
$(VENV)/torch.stamp: constraints.txt | $(BIN)/python
	@echo "Step 1 of 2: $(TORCH), the largest part."
	$(PIP) $(TORCH)
	@touch $@

$(VENV)/run.stamp: pyproject.toml constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and what this command needs."
	$(PIP) --editable . scikit-learn tqdm
	@$(COMPILE)
	@touch $@

# Peers without their dependencies: what they ask for beyond the test extra (torchvision among it) no test needs.
$(VENV)/dev.stamp: pyproject.toml constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and what this command needs."
	$(PIP) --editable '.[test]'
	$(PIP) --no-deps timm pytorch-accelerated warmup-scheduler
	@touch $@

# For tests, not for `make lint`: `.ci/run` compiles on the core that mypy leaves free.
$(VENV)/compiled.stamp: $(VENV)/dev.stamp
	@echo "Step 3: the tests import what is compiled."
	@$(COMPILE)
	@touch $@

$(VENV)/docs.stamp: pyproject.toml constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and what this command needs."
	$(PIP) --editable '.[docs]'
	@$(COMPILE)
	@touch $@
