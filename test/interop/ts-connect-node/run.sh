# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{package.json,package-lock.json,steps.ts,story.ts,buf.gen.yaml} .
npm ci --ignore-scripts --no-audit --no-fund
buf generate "$PROTO"
tsc --ignoreConfig --noEmit --strict --target es2024 --module nodenext --skipLibCheck --allowImportingTsExtensions --types node \
  --typeRoots "$ROOT/node_modules/@types" story.ts
node story.ts
