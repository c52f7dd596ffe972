# Everything a newcomer needs: `make play` and `make test`.
# PYTHON chooses the interpreter (3.11, 3.12 or 3.13), VENV where it is set up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: setup play board test test-slow test-serving lint types unit bench golden clean

setup: $(VENV)/ready
	@$(BIN)/python -m lmgame.serving.weights

# setuptools is installed first and used as it is, so that nothing is fetched twice.
$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "lmgame needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt setuptools wheel
	$(PIP) install --quiet -c constraints.txt --no-build-isolation -e '.[embedded,mario,dev]'
	@rm -rf lmgame.egg-info  # Python started here would take its entry points, stale later
	@touch $@

play: setup
	$(BIN)/lmgame play experiment=demo

# Plays and publishes the board in leaderboards/: about twenty minutes on two cores. It can be
# stopped and started again.
BOARD := lmgame tournament experiment=published run=runs/embedded
board: setup
	$(BIN)/$(BOARD)
	$(BIN)/lmgame board runs/embedded --out leaderboards/embedded --replays 1 \
		--title 'The embedded model, split and colocated' --note 'Played with: $(BOARD).'

test: lint types unit

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# Links that show the package as it is installed (see [tool.mypy]).
types: setup
	@rm -rf build/types && mkdir -p build/types/lmgame
	@ln -s $(CURDIR)/lmgame/* $(CURDIR)/games $(CURDIR)/agents $(CURDIR)/configs build/types/lmgame/
	$(BIN)/mypy -p lmgame -p tests -p benchmarks

unit: setup
	$(BIN)/pytest -n 2 --dist loadfile

test-slow: setup
	$(BIN)/pytest -n 2 --dist loadfile --slow

# Our arguments against the parsers of vLLM, SGLang and Dynamo where they are installed:
# make test-serving LMGAME_SERVING_PYTHON=/path/to/python (several with colons between)
test-serving: setup
	LMGAME_SERVING_PYTHON="$(LMGAME_SERVING_PYTHON)" $(BIN)/pytest -n 0 tests/serving/launcher/test_installed.py

bench: setup
	$(BIN)/python benchmarks/games.py
	$(BIN)/python benchmarks/match.py
	$(BIN)/python benchmarks/client.py
	$(BIN)/python benchmarks/tournament.py
	$(BIN)/python benchmarks/embedded.py
	$(BIN)/python benchmarks/plan.py --published --speed

golden: setup
	$(BIN)/python -m tests.games.golden

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
