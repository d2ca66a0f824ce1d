# Token Relay. `make` shows what there is.

.DEFAULT_GOAL := help
.PHONY: help setup build validate demo test bench-smoke breaks clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing (Debian packages, Wasm target, .venv)
	@scripts/setup

build: ## build target/token_relay.wasm and print its size
	@scripts/build

validate: setup build ## let Envoy check every configuration under envoy/
	@scripts/validate

demo: setup build ## the whole story in the terminal; stays running until Ctrl-C
	@exec .venv/bin/python -m demo

test: setup build ## format, lint, unit, fake-host and real-stack tests, the demo
	@scripts/test

bench-smoke: setup build ## a quick look at speed and size
	@scripts/bench-smoke

breaks: setup build ## break the code on purpose and see that a test notices
	@scripts/breaks

clean: ## remove what build and demo left (not .venv)
	rm -rf target .demo
