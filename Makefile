# make run: everything in one process, with a demo city. make test: everything that CI runs. make help: the list.
PORT ?= 8080
DATA ?= .wangge
PACK ?=

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test bench bench-scale chaos check format kafka lock setup

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

run: ## set up what is missing and start the city: PORT=8080 DATA=.wangge PACK=haidian
	@deploy/local/setup.sh run
	@exec $(BIN)/wangge up --data "$(DATA)" --port "$(PORT)" $(if $(PACK),--pack "$(PACK)")

test: setup ## all tests, against a real Postgres and a real Kafka
	@$(BIN)/python -m tests.run

chaos: setup ## faults under load, and an oracle that looks whether all is well: ROUNDS=100 SEED=7 BROKERS=1 (3: lose one)
	@$(BIN)/python -m tests.chaos.run $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(BROKERS),--brokers $(BROKERS)) $(if $(ONLY),--only '$(ONLY)') $(if $(FRESH),--fresh)

check: setup ## format, lint, types, architecture, SQL, unit and contract tests: under a minute
	@$(BIN)/python -m tests.check

bench: setup ## measure the house beside its ceilings, 15 minutes; one row: ONLY=c (needs wrk, Java, Maven)
	@$(BIN)/python -m tests.bench $(ONLY)

bench-scale: setup ## the same with 10,000 to 10 million stored reports, and a large city: MOST=1000000 (needs wrk, 32 GB)
	@MOST="$(MOST)" $(BIN)/python -m tests.bench $(or $(ONLY),st)

format: setup ## put the code in order
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

kafka: setup ## fetch a Kafka broker (Java 17, Maven) and run it here: KAFKA_PORT=9092
	@exec $(BIN)/python -m deploy.kafka.broker --port "$(or $(KAFKA_PORT),9092)"

lock: setup ## write the lock files again after a change of pyproject.toml
	@PATH="$(abspath $(BIN)):$$PATH" deploy/local/lock.sh

setup:
	@deploy/local/setup.sh dev
