# `make` lists the targets. Needs make and Python >= 3.11; everything else comes into .venv, from requirements.lock.
#
#   make PYTHON=python3.12 test              uses this Python (default: the newest that works)
#   make predict ARGS="--output json"        passes options on to the command
#   make -B train                            does it again though nothing changed
#
# Without ARGS, `prepare-data` and `train` make what config.yaml says, and only if it, or a table that it names,
# changed since. With ARGS they run as given, and the next run without ARGS makes what config.yaml says again.
# Other settings than config.yaml (LGBM_SM_... in the environment) are not seen: use -B.

PYTHON =
ARGS =
PART = files
SEED = 1

python := .venv/bin/python
lgbm_sm := $(python) -m lgbm_sm
stamps := .lgbm-sm/make
# Half the suite waits for servers and containers: four processes keep two processors busy. Those of a module that share
# a server go together; tests/conftest.py says what comes first.
parallel := -n 4 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help set-up run prepare-data build push train deploy predict status logs cleanup new-identity \
        config doctor policy explain test quick soak lint format coverage bench docs lock wheel clean FORCE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

set-up: ## make .venv (each target does it first; instant and without network when it is there)
	@sh tools/set-up.sh '$(subst ','\'',$(PYTHON))'

run: set-up ## prepare the data, train, deploy, predict, and take the endpoint down again
	@$(lgbm_sm) run $(ARGS)

prepare-data: ## split the table into data/train, data/valid and data/test
build: ## build the images, with the Docker engine
push: ## push the images to ECR
train: ## train a model; the artifact comes into .lgbm-sm/jobs
deploy: ## bring up an endpoint for the model
predict: ## send rows to the endpoint
status: ## show what exists and what runs
logs: ## show the endpoint's log
cleanup: ## delete what was made; asks first
new-identity: ## make a copy of a project a project of its own
config: ## show the settings in force, and where each comes from
doctor: ## say what is wrong here or in the account, and what mends it
policy: ## print the IAM policy that the commands need
explain: ## say what SageMaker does at a step: make explain ARGS=deploy

build push deploy predict status logs cleanup new-identity config doctor policy explain: set-up
	@$(lgbm_sm) $@ $(ARGS)

ifeq ($(strip $(ARGS)),)
prepare-data: $(stamps)/prepare-data
train: $(stamps)/train
else
prepare-data train: set-up
	@rm -f $(stamps)/$@
	@$(lgbm_sm) $@ $(ARGS)
endif

$(stamps)/prepare-data: $(wildcard config.yaml) $(if $(wildcard data/schema/schema.json),,FORCE) | set-up
	@$(lgbm_sm) prepare-data
	@mkdir -p $(stamps)
	@$(python) tools/data_files.py $@ >$@.rule
	@touch $@

$(stamps)/train: $(stamps)/prepare-data $(wildcard config.yaml data/schema/schema.json) \
                 $(if $(wildcard .lgbm-sm/jobs/*/output/model.tar.gz),,FORCE) | set-up
	@$(lgbm_sm) train
	@mkdir -p $(stamps)
	@touch $@

# the user's own tables, once prepare-data has read them
-include $(stamps)/prepare-data.rule

# the tests of containers are left out, and counted, where no Docker engine answers
test: lint ## every check and every test
	$(python) -m pytest $(parallel) $(ARGS)

quick: set-up ## the tests that take no more than a second or two each, without containers
	$(python) -m pytest $(parallel) -m 'not slow and not docker' $(ARGS)

# PART=files kills commands and damages files (under 40 minutes); a run that was broken off resumes, tests/soak/README.md
soak: set-up ## long random tests: make soak PART=files SEED=1
	$(python) -m pytest -n 3 --dist loadgroup --no-loadscope-reorder --soak '$(PART)' --soak-seed '$(SEED)' $(ARGS)

# The program in the image is checked once more against the oldest Python that it runs on.
# import-linter has no `python -m` of its own, and a script in .venv/bin breaks in a folder with a quote in its name
lint: set-up ## ruff, mypy and the rules of who imports whom
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m mypy --python-version 3.10 -p lgbm_runtime
	PYTHONPATH=containers/runtime $(python) -c 'from importlinter.cli import import_linter; import_linter()' lint

format: set-up ## put the source into ruff's format
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

coverage: set-up ## the tests, and what they do not reach
	$(python) -m coverage erase
	$(python) -m coverage run -m pytest $(parallel) $(ARGS)
	$(python) -m coverage combine --quiet
	$(python) -m coverage report

# ARGS=--quick sees whether it all works, ARGS=--soak loads our own server alone for ten minutes; benchmarks/README.md
bench: set-up ## measure the server beside those that people use today (25 minutes; installs them into a cache)
	@$(python) -m benchmarks.serving $(ARGS)

docs: set-up ## build the documentation's site into build/docs
	@$(python) -m mkdocs build $(ARGS)

# ARGS=--upgrade takes the newest versions; without it only what pyproject.toml and the like ask for changes
lock: ## write requirements.lock and the images' requirements anew (needs network)
	@sh tools/lock.sh $(ARGS)

wheel: set-up ## build the wheel into dist
	$(python) -m hatchling build -t wheel -d dist

clean: ## remove .venv, caches and dist (what was made with the commands is for `make cleanup`)
	rm -rf .venv dist build .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
