# `make demo` and `make test` each work from a fresh clone: the first call sets up .venv.
# PYTHON=python3.12 make demo   takes another interpreter (3.11 or newer).

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RUN := runs/demo

.PHONY: help demo test test-all check docs format bench reproduce clean

help:
	@echo "make demo                          tune the embedded graph for two minutes"
	@echo "make test                          quick tests"
	@echo "make test-all                      all tests that this machine can run"
	@echo "make check                         format, lint, types, imports"
	@echo "make docs                          the documentation, built strictly into site/"
	@echo "make format                        mend what ruff can mend"
	@echo "make bench                         every benchmark (BENCH_ARGS=--quick for a short look)"
	@echo "make reproduce ROW=wn18rr/complex  train and evaluate configs/ROW.yaml; call again to resume"
	@echo "make clean                         remove .venv, caches and built packages, never runs/"

$(READY): pyproject.toml constraints.txt
	@echo "Setting up .venv; the first time takes a few minutes."
	@test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
	@rm -rf $(RUN)
	$(BIN)/kgtuner tune world --model complex --budget 2m --output $(RUN)

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto -m "not slow and not gpu and not peer and not browser"

test-all: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	@$(BIN)/python -c "import material, mkdocstrings_handlers.python" 2>/dev/null || \
	    $(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e '.[dev,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)
	@set -e; for script in $(filter-out benchmarks/record.py benchmarks/performance.py,$(wildcard benchmarks/*.py)) \
	    benchmarks/performance.py; do echo "$$script"; $(BIN)/python "$$script" $(BENCH_ARGS); done

reproduce: $(READY)
	@test -n "$(ROW)" -a -f "configs/$(ROW).yaml" || { \
	    echo "ROW must name a file below configs/, got '$(ROW)'. Known:"; \
	    find configs -name '*.yaml' | sed 's|^configs/||; s|\.yaml$$||' | sort; exit 2; }
	$(BIN)/kgtuner train $(firstword $(subst /, ,$(ROW))) --config configs/$(ROW).yaml --output runs/reproduce/$(ROW)
	$(BIN)/kgtuner evaluate runs/reproduce/$(ROW) --split test

clean:
	rm -rf .venv dist build site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
