# Builds in the scratch folder, so that nothing generated lies beside the sources.
cp "$HERE"/{package.json,package-lock.json,story.ts,buf.gen.yaml} .
npm ci --ignore-scripts --no-audit --no-fund
buf generate "$PROTO" --path "$PROTO/buf" --path "$PROTO/gitpod" --path "$PROTO/google" --path "$PROTO/rollcall"
tsc --ignoreConfig --strict --target es2024 --module nodenext --skipLibCheck --types node \
  --typeRoots "$ROOT/node_modules/@types" --rootDir . --outDir dist story.ts
node dist/story.js
