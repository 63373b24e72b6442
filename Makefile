# `make` lists the targets. You need make and Python >= 3.11. Everything in requirements.lock is installed into .venv.
#
#   make PYTHON=python3.12 test              uses this Python (default: the newest supported Python)
#   make predict ARGS="--output json"        passes options on to the command
#   make -B train                            trains again even if nothing changed
#
# Without ARGS, `prepare-data` and `train` run only if config.yaml or one of its tables has changed. With ARGS they
# always run, and the next run without ARGS uses config.yaml again. Make does not notice settings in the environment
# (LGBM_SM_...): use -B if you change them.

PYTHON =
ARGS =
PART = files
SEED = 1

python := .venv/bin/python
lgbm_sm := $(python) -m lgbm_sm
stamps := .lgbm-sm/make
# Half of the suite waits for servers and containers: four processes keep two processors busy. Tests that share a server
# run in one process; tests/conftest.py has the order.
parallel := -n 4 --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help set-up run prepare-data build verify push train deploy predict bench status logs stop cleanup \
        new-identity config doctor policy explain test quick soak mutants lint format coverage benchmark docs lock \
        wheel clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

set-up: ## create .venv (every other target does this first if .venv is missing)
	@sh tools/set-up.sh '$(subst ','\'',$(PYTHON))'

run: set-up ## prepare the data, train, deploy, predict, and delete the endpoint
	@$(lgbm_sm) run $(ARGS)

prepare-data: ## split the table into data/train, data/valid and data/test
build: ## build the images with Docker
verify: ## check the images against the SageMaker container contract
push: ## push the images to ECR
train: ## train a model; its artifact is in .lgbm-sm/jobs
deploy: ## deploy the model to an endpoint
predict: ## send rows to the endpoint
bench: ## send load to the endpoint and measure it
status: ## show all resources and their state
logs: ## show the endpoint's log
stop: ## end the endpoint and keep the models
cleanup: ## list the models, ask, then delete everything that the project created
new-identity: ## turn a copy of a project into a separate project
config: ## show every setting and where its value comes from
doctor: ## diagnose problems and print the fixes
policy: ## print the IAM policy needed to run the commands
explain: ## explain how a step works, for example: make explain ARGS=deploy

build verify push deploy predict bench status logs stop cleanup new-identity config doctor policy explain: set-up
	@$(lgbm_sm) $@ $(ARGS)

ifeq ($(strip $(ARGS)),)
prepare-data: $(stamps)/prepare-data
train: $(stamps)/train
else
prepare-data train: set-up
	@rm -f $(stamps)/prepare-data $(stamps)/train # train prepares the data again if ARGS change it
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

# the tables that config.yaml names, once prepare-data has read them
-include $(stamps)/prepare-data.rule

# Without Docker, the tests of containers are skipped and counted.
test: lint ## run every check and every test
	$(python) -m pytest $(parallel) $(ARGS)

quick: set-up ## run the fast tests (at most a second or two each, no containers)
	$(python) -m pytest $(parallel) -m 'not slow and not docker' $(ARGS)

# PART=files kills commands and damages files. PART=images tests a stand-in for AWS's newer image. PART=serving loads
# the server. PART=tables compares predictions for thirteen tables with LightGBM's. Each part takes less than 40
# minutes. An interrupted run continues: see tests/soak/README.md
soak: set-up ## run long random tests, for example: make soak PART=files SEED=1
	$(python) -m pytest -n 3 --dist loadgroup --no-loadscope-reorder --soak '$(PART)' --soak-seed '$(SEED)' $(ARGS)

# The default is a sample of 300 changes with seed 1. ARGS='--seed 2 --size 1000' makes another sample.
mutants: set-up ## change the source in small ways, and count the changes that the tests notice
	$(python) tools/mutants.py $(ARGS)

# The program in the image is also checked against the oldest Python that it runs on.
# import-linter cannot be run by `python -m`, and a script in .venv/bin breaks in a folder with a quote in its name.
lint: set-up ## run ruff, mypy and import-linter
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(python) -m mypy --python-version 3.10 -p lgbm_runtime
	PYTHONPATH=containers/runtime $(python) -c 'from importlinter.cli import import_linter; import_linter()' lint

format: set-up ## format the source with ruff
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

coverage: set-up ## run the tests and report the lines that they do not reach
	$(python) -m coverage erase
	$(python) -m coverage run -m pytest $(parallel) $(ARGS)
	$(python) -m coverage combine --quiet
	$(python) -m coverage report

# ARGS=--quick checks that every server works. ARGS=--soak loads only our server for ten minutes. See
# benchmarks/README.md
benchmark: set-up ## compare the server with common ones (25 minutes; installs them into a cache)
	@$(python) -m benchmarks.serving $(ARGS)

docs: set-up ## build the documentation into build/docs
	@$(python) -m mkdocs build $(ARGS)

# ARGS=--upgrade uses the newest versions. Without it, a version changes only if pyproject.toml or an image requires it.
lock: ## write requirements.lock and the requirements of the images (needs network)
	@sh tools/lock.sh $(ARGS)

wheel: set-up ## build the wheel into dist
	$(python) -m hatchling build -t wheel -d dist

clean: ## remove .venv, caches and dist (`make cleanup` deletes jobs, endpoints and images)
	rm -rf .venv dist build .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
