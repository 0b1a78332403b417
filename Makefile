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
ENVIRONMENT ?= loopback
FIRST   ?= 1
MATRIX  ?= report-matrix
GATEWAYS ?=
PROTO   := services/proto/order.proto
REPORT  := services/proto/load_report.proto
ACTIONLINT := 1.7.12
URL     ?=
LOCK    := uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header
GRPCIO  := grpcio grpcio-channelz grpcio-health-checking

# A run starts hundreds of processes: none should recompile what another has compiled
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help conformance test unit flakes killed side-by-side shared alarms controls dictionary diagnosis twins hostile compose kind article matrix matrix-page \
	browser dist wheel benchmark memory report pictures samples site links check lint types fresh workflows audit address \
	oldest-grpcio newest-grpcio format protos docs causes lock clean
.DEFAULT_GOAL := help

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is required, this is %d.%d: make PYTHON=python3.13 …" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Installing the suite's dependencies into $(VENV): about a minute, the first time only"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

conformance: $(VENV)/ready ## judge the reference gateway on loopback, or SUBJECT=FILE
	$(BIN)/pytest -m "loopback and not extended and not negative_control and not positive_control" $(if $(SUBJECT),--subject=$(SUBJECT))

test: $(VENV)/ready ## everything that needs no container: unit tests, behaviours, negative controls
	$(BIN)/pytest --numprocesses=$(WORKERS)

unit: $(VENV)/ready ## the unit tests alone
	$(BIN)/pytest tests/unit

flakes: $(VENV)/ready ## the unit tests RUNS=100 times in random orders, from FIRST=1, every second time on a busy machine, until the first flake
	$(BIN)/python -m tests.suite.flakes --runs=$(RUNS) --first=$(FIRST)

killed: $(VENV)/ready ## kill RUNS=100 runs at random moments on ENVIRONMENT=loopback, and count what is left after the next run; OPTIONS=…
	$(BIN)/python -m tests.suite.killed_runs --environment=$(ENVIRONMENT) --runs=$(RUNS) $(OPTIONS)

side-by-side: $(VENV)/ready ## RUNS=4 runs at the same time on ENVIRONMENT=loopback: does any see another? OPTIONS=… for pytest
	$(BIN)/python -m tests.suite.side_by_side --environment=$(ENVIRONMENT) $(if $(filter command line,$(origin RUNS)),--runs=$(RUNS)) $(OPTIONS)

hostile: $(VENV)/ready ## judge every program of the table of hostile subjects, and runs that are struck from outside
	$(BIN)/pytest tests/suite/hostile -m "hostile or not hostile" --numprocesses=$(WORKERS)

shared: $(VENV)/ready ## is what others have on the same Docker or Kubernetes left alone? (needs Docker, kind, kubectl); OPTIONS=…
	$(BIN)/pytest -m engine --numprocesses=0 $(OPTIONS)

alarms: $(VENV)/ready ## judge the reference gateway RUNS=100 times, and count false alarms; OPTIONS="--at-once=4 --whole", SUBJECT=FILE
	$(BIN)/python -m tests.suite.alarms --runs=$(RUNS) $(if $(SUBJECT),--subject=$(SUBJECT)) $(OPTIONS)

controls: $(VENV)/ready ## every behaviour against every right but unusual gateway, all of which must be acquitted
	$(BIN)/pytest -m positive_control --controls=all --numprocesses=$(WORKERS)

dictionary: $(VENV)/ready ## measure what the core makes of every mutant, from where it was stopped; ENVIRONMENT=loopback, OPTIONS="--repeat=2 --minutes=30", "--list"
	$(BIN)/python -m tests.harness.commands.dictionary --environment=$(ENVIRONMENT) $(OPTIONS)

diagnosis: $(VENV)/ready ## measure how often the diagnosis of a run is true, by the dictionary without a mutant's own row; OPTIONS=--pairs
	$(BIN)/python -m tests.harness.commands.leave_one_out --environment=$(ENVIRONMENT) $(OPTIONS)

twins: $(VENV)/ready ## judge the Go and the Node gateway with the defects that settings make, and measure how often their diagnosis is true; OPTIONS=--at-once=2
	$(MAKE) -C services/gateways/go build
	$(MAKE) -C services/gateways/node build
	$(BIN)/python -m tests.suite.twins $(OPTIONS)

compose: $(VENV)/ready ## the same behaviours in containers (needs Docker and Compose), or SUBJECT=FILE
	$(BIN)/pytest -m compose $(if $(SUBJECT),--subject=$(SUBJECT))

kind: $(VENV)/ready ## the same behaviours on Kubernetes (needs Docker, kind, kubectl), or SUBJECT=FILE; OPTIONS=… for pytest
	$(BIN)/pytest -m kind $(if $(SUBJECT),--subject=$(SUBJECT)) $(OPTIONS)

article: $(VENV)/ready ## judge the article's gateway in its three steps, by what each promises and by more (needs Docker and Compose); ON=kind, OPTIONS=…
	$(MAKE) --no-print-directory -C services/gateways/article build
	$(BIN)/pytest -m article -k $(or $(ON),compose) $(OPTIONS)

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
	$(BIN)/python -m venv --without-pip dist/components
	$(BIN)/pip --python dist/components/bin/python install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip --python dist/components/bin/python install --quiet --disable-pip-version-check --no-deps --no-index dist/*.whl
	$(BIN)/cyclonedx-py environment --short-PURLs --output-reproducible --pyproject pyproject.toml \
		--output-file "$$(ls dist/*.whl | sed 's/-py3-none-any.whl/.cdx.json/')" dist/components
	rm -r dist/components

wheel: dist ## build the package, dist/*, and use the wheel like someone who has no clone
	$(BIN)/pytest -m wheel --numprocesses=0

benchmark: $(VENV)/ready ## show where the time of a loopback run goes, against what its waits force it to take
	$(BIN)/pytest -m loopback --numprocesses=$(WORKERS) --report=report
	$(BIN)/python -m tests.harness.commands.benchmark report --workers $(WORKERS)

memory: $(VENV)/ready ## measure the memory of a core run, and of runs against gateways that flood the suite
	$(BIN)/python -m tests.suite.memory

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

fresh: $(VENV)/ready ## check what is generated (stubs, docs/reference/*), the lock files, and that every behaviour is collected
	$(BIN)/python -m tests.harness.commands.locks
	$(BIN)/python -m tests.harness.commands.catalogue --check
	$(BIN)/python -m tests.harness.commands.collected --check
	$(BIN)/python -m tests.harness.commands.dictionary --check
	$(BIN)/python -m tests.harness.commands.failures --check
	$(BIN)/python -m tests.harness.commands.adversaries --check
	$(BIN)/python -m tests.harness.commands.renamed_page --check
	$(BIN)/python -m tests.harness.commands.library_page --check
	$(BIN)/python -m tests.harness.commands.matrix --check

workflows: $(VENV)/release ## check .github and action.yml with actionlint (needs Go) and zizmor
	go run github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT)
	$(BIN)/zizmor --offline --persona=pedantic .github action.yml

audit: $(VENV)/audit ## look up known vulnerabilities of every locked package (needs the network)
	for lock in requirements*.txt services/requirements.txt; do echo "$$lock"; \
		$(BIN)/pip-audit --strict --progress-spinner=off --require-hashes --disable-pip --requirement "$$lock" || exit 1; done

$(VENV)/audit: $(VENV)/ready requirements-audit.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-audit.txt
	@touch $@

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

docs: $(VENV)/ready ## generate behaviours.md, failures.md, adversaries.md, renamed.md, library-properties.md, causes.md and collected.json in docs/reference, the pages of matrix.json, and mark what is old in the fault dictionary
	$(BIN)/python -m tests.harness.commands.catalogue > docs/reference/behaviours.md
	$(BIN)/python -m tests.harness.commands.failures > docs/reference/failures.md
	$(BIN)/python -m tests.harness.commands.adversaries > docs/reference/adversaries.md
	$(BIN)/python -m tests.harness.commands.renamed_page > docs/reference/renamed.md
	$(BIN)/python -m tests.harness.commands.library_page > docs/reference/library-properties.md
	$(BIN)/python -m tests.harness.commands.collected
	$(BIN)/python -m tests.harness.commands.dictionary --refresh
	$(BIN)/python -m tests.harness.commands.causes_page
	$(BIN)/python -m tests.harness.commands.matrix

causes: $(VENV)/ready ## add the causes named in REPORTS="FILE …" of whole runs to docs/reference/causes.json, and generate causes.md
	$(BIN)/python -m tests.harness.commands.causes_page $(REPORTS)

lock: ## pin every dependency by hash (needs uv)
	$(LOCK) --group dev --extra kind pyproject.toml -o requirements-dev.txt
	$(LOCK) --constraint requirements-dev.txt pyproject.toml -o requirements.txt
	$(LOCK) --constraint requirements-dev.txt --extra kind pyproject.toml -o requirements-kind.txt
	$(LOCK) --constraint requirements-dev.txt --group services -o services/requirements.txt
	$(LOCK) --constraint requirements-dev.txt --group build -o requirements-build.txt
	$(LOCK) --constraint requirements-dev.txt --constraint requirements-build.txt --group release -o requirements-release.txt
	$(LOCK) --constraint requirements-dev.txt --group site -o requirements-site.txt
	$(LOCK) --group browser -o requirements-browser.txt
	$(LOCK) --constraint requirements-dev.txt --constraint requirements-release.txt --group audit -o requirements-audit.txt

clean: ## remove everything that was built here
	rm -rf $(VENV) dist site .pytest-kind report .mypy_cache .ruff_cache .pytest_cache .hypothesis
