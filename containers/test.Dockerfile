# All programs that tests/containers starts: Redis, Webdis, Envoy, and Python with Django.
ARG DEBIAN_BASE=debian:bookworm-slim
ARG ENVOY_BASE=envoyproxy/envoy:v1.40.0

FROM ${ENVOY_BASE} AS envoy

FROM ${DEBIAN_BASE}
# Debian's pip asks for a virtual environment, which a container is.
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PYTHONDONTWRITEBYTECODE=1
RUN { command -v redis-server && command -v webdis && command -v pip; } \
    || { apt-get update \
        && apt-get install -y --no-install-recommends python3-minimal python3-pip redis-server webdis \
        && rm -rf /var/lib/apt/lists/*; }
COPY containers/requirements.txt /relay/requirements.txt
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    --requirement /relay/requirements.txt
COPY --from=envoy /usr/local/bin/envoy /usr/local/bin/envoy
