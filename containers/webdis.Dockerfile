# Webdis, which has no official image of its own that is kept up to date.
#
# Where it comes from: `source` builds 0.1.23, which hands out other callers' answers far more rarely than older ones
# (the relay throws those away in any case); `debian` takes the package, 0.1.9.
ARG WEBDIS=source
ARG DEBIAN_BASE=debian:bookworm-slim

FROM ${DEBIAN_BASE} AS build
ARG VERSION=0.1.23
ARG SHA256=e482e7eb2f7ba453df87a893791948b1f7921e51c14838179bc680a5d1a2018c
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl gcc libc6-dev libevent-dev make
RUN curl -fsSL --output /webdis.tar.gz "https://github.com/nicolasff/webdis/archive/refs/tags/${VERSION}.tar.gz" \
    && echo "${SHA256}  /webdis.tar.gz" | sha256sum --check \
    && mkdir /webdis \
    && tar -xzf /webdis.tar.gz -C /webdis --strip-components=1 \
    && make -C /webdis

FROM ${DEBIAN_BASE} AS source
RUN apt-get update \
    && apt-get install -y --no-install-recommends libevent-2.1-7 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /webdis/webdis /usr/local/bin/webdis

FROM ${DEBIAN_BASE} AS debian
RUN command -v webdis \
    || { apt-get update && apt-get install -y --no-install-recommends webdis && rm -rf /var/lib/apt/lists/*; }

FROM ${WEBDIS}
COPY envoy/webdis.json containers/start-webdis containers/health /relay/
USER 10002:10002
ENTRYPOINT ["sh", "/relay/start-webdis"]
