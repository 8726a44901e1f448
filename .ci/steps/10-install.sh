# README's first line. Nothing may be compiled, and no install script may run that package.json does not allow.
npm ci
node --version
if [ -d node_modules/better-sqlite3/build ]; then
  echo "better-sqlite3 was compiled"
  exit 1
fi
if grep 'install-scripts' "$OUT/10-install.log"; then exit 1; fi
