# An image of Tidemark's service. One stage installs the dependencies, one compiles, and the last holds only the files that it runs.

FROM node:20-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Scripts are skipped: no dependency needs its install script, and Tidemark's own script compiles, which the next stage does.
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

# The database with its temporary files, and the exported files. A new volume gets the owner of these folders.
VOLUME ["/data", "/exports"]
WORKDIR /data
USER node

# Inside a container nobody could reach HTTP on the loopback address. Publishing the port decides who can reach it.
ENV NODE_ENV=production \
  TIDEMARK_DB=/data/tidemark.duckdb \
  TIDEMARK_EXPORT_ROOT=/exports \
  TIDEMARK_HTTP_HOST=0.0.0.0 \
  TIDEMARK_HTTP_PORT=8480
EXPOSE 8480
# Asks over HTTP, and over HTTPS if that fails, because a configuration file may set http_tls_cert_file. On the loopback address
# the certificate need not be checked.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=4 \
  CMD ["node", "-e", "const ask = (by, otherwise) => require(by).get({ host: '127.0.0.1', port: process.env.TIDEMARK_HTTP_PORT, path: '/healthz', rejectUnauthorized: false }, ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1)).on('error', otherwise); ask('node:http', () => ask('node:https', () => process.exit(1)))"]

ENTRYPOINT ["tidemark"]
CMD ["run"]
