# Two commands do all the set-up: `make demo` (the main job) and `make test` (the whole test command).
VENV := .venv
BIN := $(VENV)/bin
DEV := codespell coverage hypothesis import-linter mypy "pyright[nodejs]" pytest pytest-asyncio pytest-timeout ruff

.PHONY: help demo test check format bench torture clean
help:
	@echo "make demo    run the main job: a workflow streams a model's words (offline without OPENAI_API_KEY)"
	@echo "make test    format, lint, types, import contracts, architecture tests, tests"
	@echo "make check   the same without the tests"
	@echo "make format  rewrite the files as make check wants them"
	@echo "make bench   measure against hand-written asyncio and the peers, in one run"
	@echo "make torture simulate 100,000 random workflows on all cores (SEEDS=… FIRST=… to go on)"
	@echo "make clean   remove everything that was made here"

$(VENV)/.demo: pyproject.toml constraints.txt tools/setup.sh
	@tools/setup.sh $(VENV) -e ".[openai]"
	@touch $@

$(VENV)/.dev: $(VENV)/.demo tools/browser.sh
	@tools/setup.sh $(VENV) -e ".[all,examples]" $(DEV)
	@tools/browser.sh
	@touch $@

demo: $(VENV)/.demo
	@$(BIN)/stepwell demo

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell src tests docs examples tools README.md CHANGELOG.md CONTRIBUTING.md
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.callbacks

SEEDS ?= 100000
FIRST ?= 0
torture: $(VENV)/.dev
	$(BIN)/python -m tests.simulation.torture --seeds $(SEEDS) --first $(FIRST)

clean:
	rm -rf $(VENV) .venv-* .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
