# Each target creates the environment and installs its dependencies on the first call, then runs.

PYTHON ?= python3
ARGS ?=
JOBS ?= 0
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# uv where it is installed, else pip. Both verify the hash of each package in requirements/constraints.txt, and skip the packages
# that are not in it: with `--no-require-hashes`, pip also installs this folder, which has no hash.
UV := $(shell command -v uv 2>/dev/null)
INSTALL := $(if $(UV),uv pip install --quiet --python $(VENV),$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-require-hashes)
LOCKED := $(INSTALL) --constraint requirements/constraints.txt
# The two distributions of this repository.
BOTH := --editable . --editable packages/runner
PROJECTS := pyproject.toml packages/runner/pyproject.toml
TORCH = $(shell sed -n 's/^\(torch==[^ ]*\).*/\1/p' requirements/constraints.txt)
# uv does not read the settings of pip. Where pip finds another build of torch, uv must find the same one.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Compiled files are always kept: without them, each worker of pytest compiles all tests in each run.
unexport PYTHONDONTWRITEBYTECODE
# Compiled once here, because the first import would use one core, and each process at the same time. compileall uses
# all cores and skips files that are never imported; pip uses one core for all files. Files for a newer Python may fail.
COMPILE = @echo "Compiling the installed packages: up to a minute, once."; $(BIN)/python -m compileall -qq -j $(JOBS) -x '/(tests?|testing/_internal|models|onnx|_inductor|sqlalchemy|networkx|pygments|pip|setuptools|mypy|mypyc)/' src packages $(VENV)/lib || true
# yapf, which MMEngine imports, writes its grammar to the user's cache at the first import and does not lock it: two
# workers of pytest that import it at the same time fail.
GRAMMAR = @$(BIN)/python -c "import yapf"

.PHONY: run test for quick full lint docs bench engines gpu packaged lowest newest mutants originals lock clean

run: $(VENV)/run.stamp
	@echo "Training on handwritten digits: a few seconds to load torch, about ten for 900 updates."
	@$(BIN)/python examples/digits/train.py $(ARGS)

# The tests and the doctests, with one case of each kind. Those of one folder: make test ARGS=tests/core. With PORTABLE=1
# only those that need no training engine: for other systems, and for Python without the GIL.
RUNNER_TESTS := packages/runner/tests
PORTABLE_TESTS = -m pytest -n 2 --dist worksteal -q -m "not long" tests/base tests/core tests/checks tests/files tests/show tests/tools $(ARGS)
ifdef PORTABLE
test: $(VENV)/portable.stamp
	$(BIN)/python $(PORTABLE_TESTS)
else
test: $(VENV)/compiled.stamp
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not long" $(ARGS)
endif

# All cases, more generated examples and more kills: before a release. PROFILE=thorough draws a thousand new examples of
# each property, and PROFILE=fuzz ARGS=tests/whole/hostile new damaged input for every reader.
PROFILE ?= release
PARAMSCHED_KILLS ?= 3
full: $(VENV)/compiled.stamp
	HYPOTHESIS_PROFILE=$(PROFILE) PARAMSCHED_KILLS=$(PARAMSCHED_KILLS) $(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

# The tests of one file, printed and run, at most a minute: make for FILE=src/paramsched/core/plan/traces.py
for: $(VENV)/compiled.stamp
	$(BIN)/python tools/tests_for.py $(FILE) $(ARGS)

# Half a minute, for use while editing: one case of each kind, without the tests that take longer than others.
quick: $(VENV)/compiled.stamp
	HYPOTHESIS_PROFILE=glance $(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not heavy and not long" tests/core tests/checks tests/files --ignore tests/core/run $(ARGS)

# The tests with the oldest versions that pyproject.toml allows, without those of torch.compile, fused steps and
# torch.distributed.checkpoint, which need a newer torch. This target and the following two need uv.
lowest:
	uv venv --quiet --clear --python 3.11 .venv-lowest
	uv pip compile --quiet --python .venv-lowest --resolution lowest-direct --extra torch pyproject.toml --output-file .venv-lowest/lowest.txt
	uv pip install --python .venv-lowest --requirement .venv-lowest/lowest.txt --group portable --editable .
	.venv-lowest/bin/python $(PORTABLE_TESTS) -m "not heavy and not long" -k "not dcp and not scaler and not uncounted \
	    and not torch_distributed_checkpoint and not transform_descriptors and not damaged_path and not is_listed_with_its_class" \
	    $(patsubst %,--ignore tests/core/run/test_%.py,compile dcp dcp_of_processes distributed elastic hidden_steps)
	uv venv --quiet --clear --python 3.11 .venv-lowest/runner  # the Runner needs a newer torch
	uv pip compile --quiet --python .venv-lowest/runner --resolution lowest-direct --no-emit-package paramsched packages/runner/pyproject.toml --output-file .venv-lowest/runner.txt
	uv pip install --python .venv-lowest/runner --requirement .venv-lowest/runner.txt --group portable --group runner $(BOTH)
	.venv-lowest/runner/bin/python -c "import yapf"  # as GRAMMAR
	.venv-lowest/runner/bin/python -m pytest -n 2 --dist worksteal -q -m "not heavy and not long" $(RUNNER_TESTS)

# Trainers of TRL, DeepSpeed's ZeRO and torchtitan's containers themselves, on the CPU, in an environment of
# its own: 3 GB. Its tests start some fifty processes, which import these engines.
ENGINES = .venv-engines
engines:
	$(MAKE) VENV=$(ENGINES) $(ENGINES)/engines.stamp
	$(ENGINES)/bin/python -m pytest -n 2 --dist worksteal -q tests/engines/test_real_engines.py tests/engines/test_torchtitan.py \
	    tests/engines/test_deepspeed.py tests/engines/test_frames.py tests/engines/test_table.py -k "not table or (deepspeed and two_processes and whole)" $(ARGS)

# All tests with the newest releases of all libraries, release candidates included, instead of the pinned versions.
# Those of requirements/held.txt keep their version.
newest: $(VENV)/dev.stamp
	uv pip install --python $(VENV) --upgrade --prerelease allow --constraint requirements/held.txt $(BOTH) --group test
	uv pip install --python $(VENV) --upgrade --prerelease allow --no-deps --group originals
	$(GRAMMAR)
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not long" $(ARGS)

# Build the sdist of each distribution, and the wheel from it; check all; run the tests of the core, of show, of tools and of the Runner in
# the sdist of the library against the wheels. Needs uv.
packaged:
	rm -rf dist && uv build --quiet && uv build --quiet --out-dir dist packages/runner && tar -xzf dist/paramsched-*.tar.gz -C dist
	uv venv --quiet --python $(PYTHON) dist/venv
	uv pip install --python dist/venv --no-deps $(TORCH)
	uv pip install --python dist/venv --constraint requirements/constraints.txt --group portable --group runner --group package dist/*.whl
	dist/venv/bin/python -c "import yapf"  # as GRAMMAR
	dist/venv/bin/twine check --strict dist/*.whl dist/*.tar.gz
	dist/venv/bin/check-wheel-contents dist/*.whl
	cd dist/paramsched-*/ && ../venv/bin/python $(PORTABLE_TESTS) $(RUNNER_TESTS) -o pythonpath=tests

# Plant small errors in packages, one at a time, and report those that no test of a contributor finds: a minute to an hour
# for each package. make mutants PACKAGES="core/run core/plan" ARGS="--count 100 --seed 2"
PACKAGES = base checks files $(addprefix core/,schedules plan run diagnosis groups metrics calls curves time) \
    $(addprefix compat/,torch pytorch_accelerated gradual_warmup) $(addprefix mmengine/,schedulers paramwise registry engine) \
    engines show $(addprefix tools/,audit records) cli packages/runner
mutants: $(VENV)/compiled.stamp
	$(INSTALL) coverage
	$(BIN)/python tools/mutants.py $(PACKAGES) $(ARGS)

# Random arguments of every drop-in beside its original, in three minutes: how many runs are equal bit for bit, and which rows
# of docs/reference/divergences.md explain the others. ARGS=--write writes the counts into that page.
originals: $(VENV)/compiled.stamp
	PYTHONPATH=tests:$(RUNNER_TESTS) OMP_NUM_THREADS=1 $(BIN)/python tools/originals.py $(ARGS)

# With PYRIGHT=1 also pyright, on the code of users: tests/whole/typing and examples. Its first call loads it from the network.
lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/zizmor --quiet --offline .github
ifdef PYRIGHT
	$(LOCKED) --group types
	$(BIN)/pyright --pythonpath $(BIN)/python
endif

# Ratios to a floor that is measured in the same run. Run it alone on the machine; it uses one process. Compare two runs
# with benchmarks/compare.py. Keep one for a release: make bench JSON=benchmarks/history/1.0.0.json
JSON ?= runs/bench.json
bench: $(VENV)/compiled.stamp
	@mkdir -p $(dir $(JSON))
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-quiet --benchmark-json $(JSON) -p no:xdist $(ARGS)

# The tests and benchmarks for a GPU. It also runs without one, on the CPU.
gpu: $(VENV)/compiled.stamp
	@mkdir -p runs
	$(BIN)/python -m pytest tests/gpu -q --junit-xml runs/gpu.xml $(ARGS); \
	$(BIN)/python -m pytest benchmarks --benchmark-only --benchmark-json runs/gpu.json -p no:xdist

# The build runs the code and console blocks of the pages. It writes all pages, because the search lacks the words of the
# index of a page that is not written. One process, because each further one imports torch again and draws nothing from
# the caches of the others. Then the blocks of docs/contributing run in a copy of the library, and links and spelling are
# checked, also outside docs/.
docs: $(VENV)/docs.stamp
	@echo "Building the pages and running their examples: one to two minutes; Sphinx prints each page."
	$(BIN)/python -m sphinx --write-all --fail-on-warning --keep-going -b html docs docs/_build/html
	$(BIN)/python tools/contributor_pages.py
	$(BIN)/python tools/check_links.py
	$(BIN)/codespell README.md CONTRIBUTING.md CHANGELOG.md docs src packages examples tests/README.md
	@echo docs/_build/html/index.html

clean:
	rm -rf $(VENV) .venv-lowest .venv-engines dist docs/_build docs/_generated runs .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@echo "First call: creating the environment $(VENV) and installing the dependencies takes 1 to 5 minutes, once."
ifdef UV
	@uv venv --quiet $(if $(findstring command,$(origin PYTHON)),--python $(PYTHON)) $(VENV)  # without PYTHON, uv takes a supported one
else
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("Python 3.11 or newer is required; this is %d.%d. Run: make PYTHON=python3.11" % v[:2])'
	@$(PYTHON) -m venv $(VENV)
endif

# torch is installed first, without its hash, because builds for the CPU, CUDA and ROCm have the same version. Its own
# dependencies follow in step 2 with their hashes.
$(VENV)/torch.stamp: requirements/constraints.txt | $(BIN)/python
	@echo "Step 1 of 2: $(TORCH), the largest part."
ifndef UV
	@$(BIN)/python -m pip install --quiet --upgrade pip  # older ones have no --no-require-hashes
endif
	@$(INSTALL) --no-deps $(TORCH)
	@touch $@

$(VENV)/run.stamp: $(PROJECTS) requirements/constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and the dependencies of this command."
	@$(LOCKED) $(BOTH) --group run
	$(COMPILE)
	@touch $@

# The original libraries without their dependencies, because the tests need none of them (torchvision is one).
$(VENV)/dev.stamp: $(PROJECTS) requirements/constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and the dependencies of this command."
	$(LOCKED) $(BOTH) --group test --group lint
	$(LOCKED) --no-deps --group originals
	$(GRAMMAR)
	@touch $@

# A target of its own because only tests need it: `.ci/run` compiles on one core while mypy uses the other. The tests
# need all that `make run` needs.
$(VENV)/compiled.stamp: $(VENV)/dev.stamp
	$(COMPILE)
	@touch $@ $(VENV)/run.stamp

$(VENV)/portable.stamp: pyproject.toml requirements/constraints.txt $(VENV)/torch.stamp
	$(LOCKED) --editable . --group portable
	@touch $@

# Some engines without their dependencies, because these have packages for CUDA, or versions that exclude those of another
# engine.
$(VENV)/engines.stamp: pyproject.toml requirements/constraints.txt requirements/engines.txt $(VENV)/torch.stamp
	$(LOCKED) --constraint requirements/engines.txt --editable . --group portable --group engines
	$(LOCKED) --constraint requirements/engines.txt --no-deps --no-build-isolation --group engines-alone
	@touch $@

$(VENV)/docs.stamp: $(PROJECTS) requirements/constraints.txt $(VENV)/torch.stamp
	@echo "Step 2 of 2: this library and the dependencies of this command."
	$(LOCKED) $(BOTH) --group docs
	$(COMPILE)
	@touch $@

# Resolve the dependencies again; versions change only if they must. To move one: make lock ARGS="--upgrade-package timm"
lock:
	UV_FIND_LINKS= uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	    --custom-compile-command "make lock" pyproject.toml --group dev --group originals --output-file requirements/constraints.txt $(ARGS)
	UV_FIND_LINKS= uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	    --custom-compile-command "make lock" --group engines --constraint requirements/constraints.txt --output-file requirements/engines.txt
	UV_FIND_LINKS= uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	    --no-header --no-deps --group engines-alone >> requirements/engines.txt
