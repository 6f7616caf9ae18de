# One image for every service; which one runs is the container's command. See docker-compose.yml.
FROM node:20-bookworm-slim AS build
WORKDIR /weft
COPY . .
RUN npm run build \
 && find apps libs -type d -name src -prune -exec rm -rf {} + \
 && npm install --no-save --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error \
 && rm -rf node_modules/.cache

FROM node:20-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends nftables iproute2 conntrack dnsmasq-base radvd \
 && rm -rf /var/lib/apt/lists/* \
 && install -d -o node -g node /var/lib/weft
WORKDIR /weft
ENV NODE_ENV=production
COPY --from=build /weft/package.json ./
COPY --from=build /weft/node_modules ./node_modules
COPY --from=build /weft/libs ./libs
COPY --from=build /weft/apps ./apps
COPY deploy/healthcheck.mjs ./deploy/
VOLUME /var/lib/weft
USER node
ENTRYPOINT ["node", "--enable-source-maps", "--max-semi-space-size=64", "--min-semi-space-size=64"]
CMD ["apps/gateway/dist/bundle/main.js"]
