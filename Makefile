# Token Relay. `make` shows what there is.

.DEFAULT_GOAL := help
.PHONY: help setup build certificate app validate demo demo-cli test bench-smoke monitoring simulate breaks-simulated breaks chaos soak versions release fuzz mutants check demo-compose env image containers clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing (Debian packages, Wasm target, .venv, Node.js)
	@scripts/setup

build: ## build target/token_relay.wasm and print its size
	@scripts/build

validate: setup build ## let Envoy check every configuration under envoy/
	@scripts/validate

check: ## find the mistakes in a configuration: make check FILE=envoy/envoy.yaml
	@scripts/rust-target
	@cargo run --locked --quiet --package token-relay-cli -- check $(or $(FILE),envoy/envoy.yaml examples/spa/envoy.yaml)

certificate: setup ## make target/tls/, a self-signed certificate for localhost
	@.venv/bin/python scripts/certificate

app: setup ## build the Next.js application of examples/nextjs
	@scripts/nextjs build v$(or $(NEXT_AUTH),5)

demo: setup build app ## the story in the terminal, then the application to log in to; until Ctrl-C
	@exec .venv/bin/python -m demo

demo-cli: setup build ## the story in the terminal only, without Next.js
	@exec .venv/bin/python -m demo --cli

demo-compose: ## compose.yaml brought up in containers, a short story, the application to log in to; until Ctrl-C
	@exec python3 -m demo.compose

env: ## make .env, the secrets of compose.yaml
	@scripts/env

image: build ## pack the filter as an OCI image for Istio and Envoy Gateway: target/token_relay_image.tar
	@scripts/image

containers: setup build app ## the stack in containers on a private network, compose.yaml and the image, tested
	@scripts/setup docker
	@scripts/containers

test: setup build ## format, lint, unit, fake-host and real-stack tests, fuzzing, the demo, the applications in a browser
	@scripts/test

bench-smoke: setup build ## a quick look at speed and size
	@scripts/bench-smoke

# The pictures of docs/monitoring.md come from MINUTES=6.
monitoring: setup build ## load, faults, and a Prometheus that watches: every rule and query; draws docs/monitoring: MINUTES=6
	@scripts/setup prometheus matplotlib
	@.venv/bin/python -m monitoring --plots --seconds $$(($(or $(MINUTES),6) * 60))

simulate: setup ## the protocol in thousands of random runs: SEEDS=1000000 for more, SEED=n to see one
	@scripts/simulate

breaks-simulated: setup ## break the protocol on purpose and see that the simulator finds it
	@scripts/breaks --simulator

breaks: setup build ## break the code on purpose and see that a test notices
	@scripts/breaks

# SECONDS is bash's own variable, so it goes as an argument.
chaos: setup build ## kill, freeze and restart the parts of the real stack under load: SEEDS=20 SECONDS=60 FIRST=1 GRACE=0
	@CHAOS_GRACE=$(or $(GRACE),0) .venv/bin/python scripts/chaos $(or $(SEEDS),20) $(or $(SECONDS),60) $(or $(FIRST),1)

soak: setup build ## two Envoys for a long time, 5,000 sessions, a new configuration every minute; nothing may grow: MINUTES=10
	@SOAK_SESSIONS=5000 SOAK_SECONDS=$$(($(or $(MINUTES),10) * 60)) cargo test --locked --test soak nothing_grows -- --nocapture

versions: setup build ## the request, refresh and login tests on earlier Envoys
	@scripts/versions

release: setup build ## target/release-<version>/: the module, its SHA-256, what it is made of
	@scripts/release

fuzz: ## send the filter what nobody would: make fuzz SECONDS=600 TARGETS="cookie filter"
	@scripts/setup c++
	@scripts/fuzz $(or $(SECONDS),20) $(TARGETS)

mutants: setup ## change the code at random and see that a test notices: a recorded sample
	@scripts/mutants

clean: ## remove what build and demo left (not .venv)
	rm -rf target .demo
