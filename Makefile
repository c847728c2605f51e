# The commands of the book: `make help` lists them. Needs Python 3.11 or newer, and make.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

# One thread a process (notebooks and tests run side by side, and their numbers must not depend on
# the number of cores), and nothing of the reader's own Python, Jupyter or matplotlib set-up.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export IPYTHONDIR := $(CURDIR)/.venv/ipython
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP JUPYTER_PATH JUPYTER_CONFIG_PATH MPLBACKEND MATPLOTLIBRC

.DEFAULT_GOAL := help
.PHONY: help book build test lab clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

book: build ## build the book and show it at a local address
	@$(BIN)/python tools/serve.py

build: $(STAMP) ## build the book into _build/html
	@$(BIN)/python tools/build.py

# Tests that share what is costly to make stand side by side: worksteal leaves them to one process.
# nbval runs the notebooks, and after each chapter its folded solutions (book/conftest.py).
test: $(STAMP) ## check style, code, notebooks, the build and the pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	find book -name '*.ipynb' -not -path '*/.ipynb_checkpoints/*' -exec $(BIN)/nbstripout --verify --keep-id {} +
	$(BIN)/pytest -n 2 --dist worksteal -m "not site and not browser"
	$(BIN)/pytest -n 2 --dist loadscope --nbval-lax --nbval-current-env --nbval-cell-timeout 120 -W default book
	$(BIN)/python tools/build.py --strict
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	  $(BIN)/playwright install chromium || echo "No Chromium, and Playwright could not install one."
	$(BIN)/pytest -n 2 --dist worksteal -m "site or browser"

lab: $(STAMP) ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=book

clean: ## remove what was built, the environment in .venv aside
	rm -rf _build .pytest_cache .ruff_cache .hypothesis

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This book needs Python 3.11 or newer. Name yours: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	@touch $@
