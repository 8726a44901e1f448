# The migrations say what the schema says: making the next one has nothing to do.
# Installed by those alone who change the schema: it brings three times esbuild.
npm install --no-save drizzle-kit@0.31.11
drizzle-kit check
mkdir -p "$OUT/migrations"
cp -r src/store/sqlite/migrations/. "$OUT/migrations"
drizzle-kit generate --dialect sqlite --schema ./src/store/sqlite/schema.ts --out ./.ci/out/migrations
diff --recursive src/store/sqlite/migrations "$OUT/migrations"
