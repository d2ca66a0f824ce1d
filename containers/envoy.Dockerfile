# The filter, and Envoy with it.
#
#   docker build -f containers/envoy.Dockerfile --target module -t token-relay .    # the filter alone, as meshes pull it
#
# Where the filter comes from: `source` builds it, `prebuilt` takes target/token_relay.wasm as `make build` left it.
ARG MODULE=source
ARG RUST_BASE=rust:1.95-slim-bookworm
ARG ENVOY_BASE=envoyproxy/envoy:v1.40.0

FROM ${RUST_BASE} AS build
WORKDIR /src
COPY rust-toolchain.toml Cargo.toml Cargo.lock ./
COPY src src
# Cargo wants to see the targets that Cargo.toml names, and the workspace's other member.
COPY tests tests
COPY cli cli
RUN cargo build --locked --release --lib --target wasm32-wasip1

FROM scratch AS source
COPY --from=build /src/target/wasm32-wasip1/release/token_relay.wasm /plugin.wasm

FROM scratch AS prebuilt
COPY target/token_relay.wasm /plugin.wasm

FROM ${MODULE} AS module

FROM ${ENVOY_BASE} AS config
COPY containers/envoy-config envoy/envoy.yaml /config/
RUN sh /config/envoy-config </config/envoy.yaml >/config/containers.yaml

FROM ${ENVOY_BASE}
COPY --from=module /plugin.wasm /etc/envoy/plugin.wasm
COPY --from=config /config/containers.yaml /etc/envoy/envoy.yaml
COPY containers/health /relay/health
USER 101:101
ENTRYPOINT ["envoy"]
CMD ["--config-path", "/etc/envoy/envoy.yaml", "--disable-hot-restart", "--log-level", "warning", "--component-log-level", "wasm:info"]
