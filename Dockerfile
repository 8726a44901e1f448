# The server with nothing besides: `docker build -t rollcall .`. docs/operations/install.md says how to run it.
# The version of Node.js is that of package.json. Pin the digest of your registry's copy with --build-arg NODE=node@sha256:…
ARG NODE=node:26.10.0-trixie-slim

FROM ${NODE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN npm run prepack && npm prune --omit=dev --ignore-scripts

FROM ${NODE}
# No other user may enter it; a volume that is mounted here takes owner and mode over.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/rollcall
WORKDIR /opt/rollcall
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/gen gen
COPY --from=build /build/dist dist
# By number, since Kubernetes' runAsNonRoot knows no names.
USER 1000:1000
ENV NODE_ENV=production \
    ROLLCALL_DATA_DIR=/var/lib/rollcall \
    ROLLCALL_HOST=0.0.0.0
VOLUME /var/lib/rollcall
EXPOSE 7655
# Asks with the settings of the server: its port and TLS are in the same environment.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
  CMD ["node", "dist/main.js", "health"]
ENTRYPOINT ["node", "dist/main.js"]
CMD ["serve"]
