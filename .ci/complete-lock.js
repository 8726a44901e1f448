// Repairs package-lock.json after `npm install`: `node .ci/complete-lock.js`. With `--check`, as CI runs it, it changes
// nothing and fails when it would have to.
//
// 1. npm drops an optional package from the lock when the registry that it asks does not have it, as mirrors often do
//    not for foreign platforms, and `npm ci` then refuses the lock as out of step. The entries need no more than what
//    the depending package and the name say: npm reads the rest when it installs them.
// 2. better-sqlite3 ships its binaries and says so (`gypfile: false`), but npm does not copy that into the lock, and npm
//    before 11 then runs node-gyp, which needs Python, make and headers. Written into the lock, the key is obeyed.
// 3. npm runs on the machine's Node.js and warns of each package that wants a newer one. All of them run on the one that the
//    lock brings, so the lock does not say what they want, and nobody is warned of what is not so.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const systems = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const processors = [
  "arm64",
  "arm",
  "ia32",
  "loong64",
  "mips64el",
  "ppc64",
  "riscv64",
  "s390x",
  "wasm32",
  "x64",
];

const shipsBinaries = ["better-sqlite3"];

const before = readFileSync(file, "utf8");
const lock = JSON.parse(before);
const added = [];
for (const entry of Object.values(lock.packages)) {
  for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (path in lock.packages) continue;
    // The oldest one of a range is sure to be in it.
    const version = range.replace(/^[~^]/, "");
    if (!/^\d+\.\d+\.\d/.test(version)) throw new Error(`${name}: no version can be told from ${range}`);
    lock.packages[path] = {
      version,
      ...platformOf(name),
      ...(entry.dev && { dev: true }),
      license: entry.license,
      optional: true,
    };
    added.push(name);
  }
}
for (const [path, entry] of Object.entries(lock.packages)) if (path !== "") delete entry.engines;
for (const name of shipsBinaries) {
  const entry = lock.packages[`node_modules/${name}`];
  if (entry === undefined) throw new Error(`${name} is not in the lock`);
  entry.gypfile = false;
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
const completed = `${JSON.stringify(lock, null, 2)}\n`;
const incomplete = completed !== before;
if (process.argv.includes("--check")) process.exitCode = incomplete ? 1 : 0;
else writeFileSync(file, completed);
process.stdout.write(`package-lock.json ${incomplete ? "was incomplete" : "is complete"}\n`);
for (const name of added) process.stdout.write(`  left out by npm: ${name}\n`);

/** The `os`, `cpu` and `libc` that a name such as `@swc/core-linux-arm64-musl` tells. */
function platformOf(name) {
  const system = name.includes("windows") ? "win32" : systems.find((word) => name.includes(word));
  const processor = processors.find((word) => name.includes(word));
  if (system === undefined && processor !== "wasm32") {
    throw new Error(`${name}: the name does not tell the platform`);
  }
  const libc = system === "linux" && /musl|gnu/.exec(name)?.[0];
  return {
    ...(processor && { cpu: [processor] }),
    ...(libc && { libc: [libc === "musl" ? "musl" : "glibc"] }),
    ...(system && { os: [system] }),
  };
}
