# make lab    open the notebooks         make notebooks   run them anew and save their outputs
# make test   check everything           make bench       measure speed
# make browser  drive the notebooks in Chromium
# make parity   compare the network with PyTorch, live
# make opponents  compare what make bench measures, in PyTorch and JAX, with ours; no time is taken
# make torture  threads, kills, damaged bytes and replaced files, counted
# make floors   run the tests with the oldest versions that are allowed
# make peers    run tests of other projects with this library in their place, and compare
# make coverage run the slow tests, too, and see which lines no test reaches
# make demo     serve the panel of all methods as a web page
# ARGS= passes options on, e.g. make lab ARGS="--no-browser --port 9000"

PYTHON ?= python3
BIN := .venv/bin
# one thread, the BLAS kernel of this processor, and memory that is kept, not faulted in again
QUOTABLE := env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 \
  MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=4294967296 MALLOC_TOP_PAD_=268435456
# small networks gain nothing from a second thread
UNIT := OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n auto
# a notebook stays in one process, so its cells run in order
NBVAL := --nbval --nbval-current-env --nbval-cell-timeout=120 -n auto --dist loadscope
.PHONY: lab demo test unit coverage nbval notebooks bench opponents browser parity peers torture floors lint clean

lab: .venv/notebooks
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

demo: .venv/demo
	cd demo && ../$(BIN)/voila panel.ipynb $(ARGS)

test: lint unit nbval

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

unit: .venv/test
	$(UNIT) -m "not browser and not parity and not peers and not slow" $(ARGS)

coverage: .venv/test
	$(UNIT) -m "not browser and not parity and not peers" --cov --cov-report=term $(ARGS)

nbval: .venv/test
	$(BIN)/python -m pytest $(NBVAL) $(ARGS) notebooks

notebooks: .venv/test
	$(BIN)/python notebooks/refresh.py $(ARGS)

bench: .venv/bench
	$(QUOTABLE) $(BIN)/python tests/benchmarks/filters.py
	$(BIN)/python tests/benchmarks/networks.py $(if $(BENCH_JSON),--json $(BENCH_JSON))
	$(QUOTABLE) $(BIN)/python tests/benchmarks/training.py
	$(BIN)/python tests/benchmarks/cold.py $(if $(BENCH_JSON),--json $(BENCH_JSON))

opponents: .venv/bench
	$(BIN)/python tests/benchmarks/networks.py --check $(ARGS)

browser: .venv/browser
	$(BIN)/python -m pytest -m browser $(ARGS) tests

parity: .venv/parity
	$(BIN)/python -m pytest -m parity $(ARGS) tests/nn/parity

torture: .venv/test
	OPENBLAS_NUM_THREADS=1 PYTHONPATH=. $(BIN)/python tests/torture/torture.py $(ARGS)

peers: .venv/peers
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m peers $(ARGS) tests/peers

# old libraries use what newer ones call deprecated
floors: .venv/bin/python
	$(PYTHON) -m venv .floors
	$(BIN)/python tests/floors.py > .floors/oldest.txt
	.floors/bin/python -m pip install --quiet --constraint .floors/oldest.txt --editable ".[test]"
	OPENBLAS_NUM_THREADS=1 .floors/bin/python -m pytest -n auto -W ignore::DeprecationWarning \
	  -m "not browser and not parity and not peers and not slow" $(ARGS)

clean:
	rm -rf .venv .floors

# One environment; a file in it says that an extra is installed, and ages with pyproject.toml.
.venv/%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$*]"
	touch $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "denoiselib needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "This Python has no ensurepip, which makes environments: apt-get install python3-venv, then run make again."; exit 1; }
	$(PYTHON) -m venv .venv
