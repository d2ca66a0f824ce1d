# The example application.
#
# Where it comes from: `source` builds it, `prebuilt` takes target/nextjs/v5 as `make app` left it.
ARG APP=source
ARG NODE_BASE=node:24-bookworm-slim

FROM ${NODE_BASE} AS build
WORKDIR /app
COPY examples/nextjs/package.json examples/nextjs/package-lock.json ./
RUN npm ci --no-audit --no-fund --no-update-notifier
COPY examples/nextjs ./
RUN npm run build && rm -rf .next/cache

FROM scratch AS source
COPY --from=build /app /app

FROM scratch AS prebuilt
COPY target/nextjs/v5 /app

FROM ${APP} AS app

FROM ${NODE_BASE}
ENV NODE_ENV=production NEXT_TELEMETRY_DISABLED=1
COPY --from=app /app /app
WORKDIR /app
USER 1000:1000
ENTRYPOINT ["node", "node_modules/next/dist/bin/next", "start", "--hostname", "0.0.0.0", "--port", "3000"]
