# The commands for people. Each target sets up what it needs; only Python >= 3.11 must be installed, and no venv active.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
SUBJECT ?=
FOLDERS ?= report
PAGE    ?= $(firstword $(FOLDERS))/report.html
OPTIONS ?=
WORKERS ?= 4
RUNS    ?= 100
MATRIX  ?= report-matrix
GATEWAYS ?=
PROTO   := services/proto/order.proto
REPORT  := services/proto/load_report.proto
ACTIONLINT := 1.7.12
URL     ?=
GRPCIO  := grpcio grpcio-channelz grpcio-health-checking

# A run starts hundreds of processes: none should recompile what another has compiled
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help conformance test unit flakes controls compose kind article matrix matrix-page browser dist wheel benchmark report pictures \
	samples site links check lint types fresh workflows address oldest-grpcio newest-grpcio format protos docs causes lock clean
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is required, this is %d.%d: make PYTHON=python3.13 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing the suite's dependencies into $(VENV): about a minute, the first time only"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

conformance: $(VENV)/ready ## judge the reference gateway on loopback, or SUBJECT=FILE
	$(BIN)/pytest -m "loopback and not extended and not negative_control and not positive_control" $(if $(SUBJECT),--subject=$(SUBJECT))

test: $(VENV)/ready ## everything that needs no container: unit tests, behaviours, negative controls
	$(BIN)/pytest --numprocesses=$(WORKERS)

unit: $(VENV)/ready ## the unit tests alone
	$(BIN)/pytest tests/unit

flakes: $(VENV)/ready ## the unit tests RUNS=100 times in random order, every second time on a busy machine, until the first flake
	$(BIN)/python -m tests.suite.flakes --runs=$(RUNS)

controls: $(VENV)/ready ## every behaviour against every right but unusual gateway, all of which must be acquitted
	$(BIN)/pytest -m positive_control --controls=all --numprocesses=$(WORKERS)

compose: $(VENV)/ready ## the same behaviours in containers (needs Docker and Compose), or SUBJECT=FILE
	$(BIN)/pytest -m compose $(if $(SUBJECT),--subject=$(SUBJECT))

kind: $(VENV)/ready ## the same behaviours on Kubernetes (needs Docker, kind, kubectl), or SUBJECT=FILE; OPTIONS=… for pytest
	$(BIN)/pytest -m kind $(if $(SUBJECT),--subject=$(SUBJECT)) $(OPTIONS)

article: $(VENV)/ready ## judge an independent Go gateway, also without its policy and without its retries (needs Docker and Compose)
	$(MAKE) --no-print-directory -C services/gateways/article build
	$(BIN)/pytest -m article

matrix: $(VENV)/ready ## judge each gateway of services/ wherever it can run, and write docs/reference/matrix.*; GATEWAYS="go node-compose", OPTIONS=…
	status=0; $(BIN)/python -m tests.harness.commands.matrix.run --reports=$(MATRIX) --only $(GATEWAYS) -- $(OPTIONS) || status=$$?; \
	$(MAKE) --no-print-directory matrix-page; exit $$status

matrix-page: $(VENV)/ready ## write docs/reference/matrix.* from the reports of make matrix, in MATRIX=report-matrix
	$(BIN)/python -m tests.harness.commands.matrix $(sort $(wildcard $(MATRIX)/*/))

browser: $(VENV)/browser ## open the report's page in headless Chromium (needs Chromium)
	$(BIN)/pytest -m browser --numprocesses=0

$(VENV)/browser: $(VENV)/ready requirements-browser.txt
	@echo "Installing what drives a browser into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-browser.txt
	@touch $@

$(VENV)/release: $(VENV)/ready requirements-release.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-release.txt
	@touch $@

dist: $(VENV)/release ## build what a release consists of: source distribution, the wheel from it, its components (SBOM)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist . > /dev/null
	sed -e '/--hash=/d' -e 's/ \\$$//' requirements.txt > dist/pins.txt
	$(BIN)/python -m venv --without-pip dist/components
	$(BIN)/pip --python dist/components/bin/python install --quiet --disable-pip-version-check --constraint dist/pins.txt dist/*.whl
	$(BIN)/cyclonedx-py environment --short-PURLs --output-reproducible --pyproject pyproject.toml \
		--output-file "$$(ls dist/*.whl | sed 's/-py3-none-any.whl/.cdx.json/')" dist/components
	rm -r dist/components dist/pins.txt

wheel: dist ## build the package, dist/*, and use the wheel like someone who has no clone
	$(BIN)/pytest -m wheel --numprocesses=0

benchmark: $(VENV)/ready ## show where the time of a loopback run goes, against what its waits force it to take
	$(BIN)/pytest -m loopback --numprocesses=$(WORKERS) --report=report
	$(BIN)/python -m tests.harness.commands.benchmark report --workers $(WORKERS)

report: $(VENV)/ready ## render the page of earlier runs again, side by side: FOLDERS="report other-report"
	$(BIN)/python -m tests.harness.report.html $(FOLDERS) --output $(PAGE)

pictures: $(VENV)/browser ## recreate docs/images from runs of docs/examples (needs Chromium)
	$(BIN)/python -m tests.suite.browser.pictures

samples: $(VENV)/ready ## write what README and guides show of the suite's output, from runs of docs/examples
	$(BIN)/python -m tests.suite.samples

site: $(VENV)/site ## build the documents as a site, site/index.html; a broken link fails it
	rm -rf site
	$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --quiet --doctree-dir $(VENV)/doctrees docs site

links: $(VENV)/site ## follow every link of the documents that leads to another host (needs the network)
	$(BIN)/sphinx-build --builder linkcheck --quiet --doctree-dir $(VENV)/doctrees docs $(VENV)/links

$(VENV)/site: $(VENV)/ready requirements-site.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-site.txt
	@touch $@

check: lint types fresh ## all three: what must hold before a change is proposed

lint: $(VENV)/ready ## check format and lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/ready ## check types with strict mypy
	$(BIN)/mypy

fresh: $(VENV)/ready ## check that generated files are up to date: the stubs, docs/reference/*.md, docs/reference/matrix.*
	$(BIN)/python -m tests.harness.commands.catalogue --check
	$(BIN)/python -m tests.harness.commands.failures --check
	$(BIN)/python -m tests.harness.commands.renamed_page --check
	$(BIN)/python -m tests.harness.commands.matrix --check

workflows: $(VENV)/release ## check .github and action.yml with actionlint (needs Go) and zizmor
	go run github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT)
	$(BIN)/zizmor --offline --persona=pedantic .github action.yml

address: $(VENV)/ready ## put the repository's address everywhere it is written, URL=https://github.com/…; without URL, check it
	$(BIN)/python -m tests.harness.commands.address $(URL)

oldest-grpcio: $(VENV)/ready ## install the oldest supported gRPC in the virtual environment
	$(BIN)/pip install --quiet --disable-pip-version-check $(GRPCIO:===1.80.0) 'protobuf==6.33.*'

newest-grpcio: $(VENV)/ready ## install the newest gRPC in the virtual environment
	$(BIN)/pip uninstall --quiet --yes grpcio-tools
	$(BIN)/pip install --quiet --disable-pip-version-check --upgrade $(GRPCIO) protobuf

format: $(VENV)/ready ## format the code, and fix what lint can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

protos: $(VENV)/ready ## generate services/proto/*_pb2*.py from the .proto files there
	$(BIN)/python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. $(PROTO) $(REPORT)
	$(BIN)/python -m grpc_tools.protoc --proto_path=. --grpc_python_out=. $(PROTO)

docs: $(VENV)/ready ## generate behaviours.md, failures.md, renamed.md and causes.md in docs/reference, and the pages of matrix.json
	$(BIN)/python -m tests.harness.commands.catalogue > docs/reference/behaviours.md
	$(BIN)/python -m tests.harness.commands.failures > docs/reference/failures.md
	$(BIN)/python -m tests.harness.commands.renamed_page > docs/reference/renamed.md
	$(BIN)/python -m tests.harness.commands.causes_page
	$(BIN)/python -m tests.harness.commands.matrix

causes: $(VENV)/ready ## add the causes named in REPORTS="FILE …" of whole runs to docs/reference/causes.json, and generate causes.md
	$(BIN)/python -m tests.harness.commands.causes_page $(REPORTS)

lock: ## pin every dependency by hash (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -o requirements.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --group browser -o requirements-browser.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --constraint requirements.txt --group release -o requirements-release.txt
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --constraint requirements.txt --group site -o requirements-site.txt

clean: ## remove everything that was built here
	rm -rf $(VENV) dist site .pytest-kind report .mypy_cache .ruff_cache .pytest_cache .hypothesis
