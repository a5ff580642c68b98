# queuefold: docker build -t queuefold .
# With ClickHouse embedded (start, query and replay without a server): docker build --target queuefold-embedded -t queuefold-embedded .
# For several architectures, pushed to a registry of yours:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg REVISION=$(git rev-parse HEAD) -t REGISTRY/queuefold:0.1.0 --push .
#
# The program writes nothing, so that the root file system can be read-only; only the embedded parts write, to /data.
# test/deployment/image.test.ts builds and runs both images.

ARG NODE_IMAGE=node:24-bookworm-slim

# Compiles on the machine that builds, whatever the image is for: JavaScript is the same everywhere.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY tools ./tools
COPY src ./src
RUN npm run --silent build

# The exact versions of package-lock.json; no package needs its install script.
FROM ${NODE_IMAGE} AS manifest
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

# With chdb, whose binary is for glibc; without testcontainers: a container has no engine to start others.
FROM manifest AS dependencies-embedded
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && npm uninstall --no-save --omit=dev --ignore-scripts --no-audit --no-fund testcontainers

# What the roles need: not the embedded parts either. Not by --omit=optional: that would leave out the signer of Amazon MSK
# and the binaries of Kafka's codecs, too, which are optional for every platform but one.
FROM dependencies-embedded AS dependencies
RUN npm pkg delete optionalDependencies.chdb optionalDependencies.testcontainers \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM manifest AS program
COPY bin ./bin
COPY schemas ./schemas
COPY LICENSE ./
COPY --from=build /app/dist ./dist
# For `docker exec CONTAINER queuefold query`: a name that is not on the PATH would be looked for at npm.
RUN ln -s /app/bin/queuefold.js /usr/local/bin/queuefold
ENV NODE_ENV=production
ARG REVISION=unknown
LABEL org.opencontainers.image.title="queuefold" \
  org.opencontainers.image.description="Genesys Cloud queue conversations as a compacted Kafka topic and a ClickHouse table, exactly once" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.revision="${REVISION}"
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
ENV HOME=/data DATA_DIR=/data HTTP_HOST=::
VOLUME /data
CMD ["start", "--log", "memory"]

# The last stage is the one that is built by default.
FROM program AS queuefold
COPY --from=dependencies /app/node_modules ./node_modules
CMD ["--help"]
