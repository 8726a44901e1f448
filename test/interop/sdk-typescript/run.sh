# The package is installed in the scratch folder, so that nothing of it lies beside the sources.
cp "$HERE"/{package.json,package-lock.json,story.ts} .
npm ci --ignore-scripts --no-audit --no-fund
tsc --ignoreConfig --noEmit --strict --target es2024 --module nodenext --skipLibCheck --types node \
  --typeRoots "$ROOT/node_modules/@types" story.ts
node story.ts
