# Tidemark's service as an image: compiled in one stage, its dependencies in another, and only what it runs on is kept.

FROM node:20-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package of ours needs a script to be installed, and our own script compiles, which is the other stage's.
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:20-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY schemas ./schemas
COPY pipeline ./pipeline
COPY connectors ./connectors
COPY ops ./ops
RUN npm run --silent build

FROM node:20-slim
WORKDIR /app
COPY package.json LICENSE ./
COPY schemas ./schemas
COPY examples ./examples
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN ln -s /app/dist/ops/tidemark.cjs /usr/local/bin/tidemark \
  && mkdir /data /exports \
  && chown node:node /data /exports

# The database, its spill and the files that come out; a new volume takes over the owner.
VOLUME ["/data", "/exports"]
WORKDIR /data
USER node

# Inside a container a door on the loopback is open to nobody. Who may reach it is told where the port is published.
ENV NODE_ENV=production \
  TIDEMARK_DB=/data/tidemark.duckdb \
  TIDEMARK_EXPORT_ROOT=/exports \
  TIDEMARK_HTTP_HOST=0.0.0.0 \
  TIDEMARK_HTTP_PORT=8480
EXPOSE 8480
# By HTTP, or by HTTPS where http_tls_cert_file is set, be it in a file: on the loopback no certificate need be believed.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
  CMD ["node", "-e", "const ask = (by, otherwise) => require(by).get({ host: '127.0.0.1', port: process.env.TIDEMARK_HTTP_PORT, path: '/healthz', rejectUnauthorized: false }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', otherwise); ask('node:http', () => ask('node:https', () => process.exit(1)))"]

ENTRYPOINT ["tidemark"]
CMD ["run"]
