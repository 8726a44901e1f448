# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{package.json,package-lock.json,story.ts,browse.ts,buf.gen.yaml} "$HERE/../ts-connect-node/steps.ts" .
npm ci --ignore-scripts --no-audit --no-fund
buf generate "$PROTO"
tsc --ignoreConfig --noEmit --strict --target es2024 --lib es2024,dom,dom.iterable --module nodenext --skipLibCheck \
  --allowImportingTsExtensions --types node --typeRoots "$ROOT/node_modules/@types" story.ts browse.ts
npx esbuild story.ts --bundle --format=esm --target=es2024 --outfile=site/story.js --log-level=warning
node browse.ts
