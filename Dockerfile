# queuefold: docker build -t queuefold .
# With ClickHouse embedded (start, query and replay without a server): docker build --target queuefold-embedded -t queuefold-embedded .
#
# The program writes nothing, so that the root file system can be read-only; only the embedded parts write, to /data.
# A test carries these steps out without a container engine. For that, RUN is relative to WORKDIR.

ARG NODE_IMAGE=node:24-bookworm-slim

# The exact versions of package-lock.json; no package needs its install script.
FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM manifest AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run --silent build

# What the roles need: neither dev dependencies nor the embedded parts. Not by --omit=optional: that would leave out the
# binaries of Kafka's codecs, too, which are optional for every platform but one.
FROM manifest AS dependencies
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
RUN npm pkg delete optionalDependencies
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund

# With chdb, whose binary is for glibc.
FROM manifest AS dependencies-embedded
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM manifest AS program
COPY bin ./bin
COPY schemas ./schemas
COPY LICENSE ./
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production
# A number, so that Kubernetes can see that it is not root; not one of the host's users.
USER 10001:10001
EXPOSE 9464
ENTRYPOINT ["node", "/app/bin/queuefold.js"]

FROM program AS queuefold-embedded
COPY embedded ./embedded
COPY --from=dependencies-embedded /app/node_modules ./node_modules
USER 0:0
WORKDIR /data
RUN chown 10001:10001 .
USER 10001:10001
ENV HOME=/data DATA_DIR=/data HTTP_HOST=0.0.0.0
VOLUME /data
CMD ["start", "--log", "memory"]

# The last stage is the one that is built by default.
FROM program AS queuefold
COPY --from=dependencies /app/node_modules ./node_modules
CMD ["--help"]
