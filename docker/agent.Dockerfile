# The agent as an image: one file, Node, no shell, not root. It was built and run by podman, over base images of Debian's packages and Node.
#   docker build -f docker/agent.Dockerfile -t sallyport-agent .
#   docker run --read-only --cap-drop ALL -v agent:/state -e SALLYPORT_AGENT_TOKEN sallyport-agent \
#     --gateway wss://sallyport.example.com --allow db.internal:5432

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --loglevel=error
COPY agent agent
COPY src/core src/core
COPY src/tunnel src/tunnel
RUN npx vite build --config agent/vite.config.ts && mkdir /state

FROM gcr.io/distroless/nodejs24-debian12:nonroot
COPY --from=build /build/dist/agent/sallyport-agent.mjs /sallyport-agent.mjs
# Key and credential: the only place it writes.
COPY --from=build --chown=65532:65532 /state /state
VOLUME /state
ENTRYPOINT ["/nodejs/bin/node", "/sallyport-agent.mjs", "--state", "/state"]
