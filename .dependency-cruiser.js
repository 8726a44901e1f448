import VisitorModule from "@swc/core/Visitor.js";

// Which folder of the sources may import which. ARCHITECTURE.md has the picture.

/**
 * Each folder of src/ and what it may import of ours, beside itself. A new folder gets a line here before it gets a file.
 * The composition root (server.ts, plain-endpoints.ts, main.ts) and the command line (cli) may import everything.
 */
export const rooms = {
  "src/lib": [],
  "src/domain": ["src/lib"],
  "src/store": ["src/domain", "src/lib"],
  "src/fleet": ["src/domain", "src/lib", "src/store"],
  "src/events": ["src/domain", "src/lib", "src/store"],
  "src/upkeep": ["src/domain", "src/lib", "src/store", "src/fleet"],
  "src/config": ["src/domain", "src/lib"],
  "src/start": [
    "src/domain",
    "src/lib",
    "src/store",
    "src/config",
    "src/rpc/messages",
    "src/http/connections",
  ],
  "src/tls": ["src/domain", "src/lib", "src/config", "src/http/connections"],
  "src/rpc": ["src/domain", "src/lib", "src/store", "src/fleet", "src/events", "src/upkeep", "gen"],
  "src/http": ["src/domain", "src/lib", "src/rpc/call"],
  "src/telemetry": [
    "src/domain",
    "src/lib",
    "src/store",
    "src/config",
    "src/fleet",
    "src/events",
    "src/rpc/call",
  ],
  "src/agent": ["src/domain", "src/lib", "gen"],
};

/**
 * The rooms of an adapter of the store, in src/store/sqlite, and what each may import of the others. What puts them together is
 * beside them: store.ts, store-parts.ts and schema.ts.
 */
export const storeRooms = {
  schema: [],
  engine: ["schema"],
  files: ["engine", "schema"],
  journal: ["engine", "schema"],
  access: ["engine", "schema", "journal"],
  runners: ["engine", "schema", "journal", "access"],
  accounts: ["engine", "schema", "journal", "access", "files", "runners"],
};

/** What a folder must not import: all of ours that its line does not name. */
function room([folder, allowed]) {
  const paths = [folder, ...allowed].join("|");
  return {
    name: `room ${folder}`,
    comment: `${folder} may import ${allowed.join(", ") || "nothing of ours"}.`,
    severity: "error",
    from: { path: `^${folder}/` },
    to: { path: "^(src|gen)/", pathNot: `^(${paths})/` },
  };
}

/** The same of a room of the store: of its neighbours, all that its line does not name. */
function storeRoom([name, allowed]) {
  const paths = [name, ...allowed].join("|");
  return {
    name: `room src/store/sqlite/${name}`,
    comment: `${name} may import ${allowed.join(", ") || "none"} of the store's rooms.`,
    severity: "error",
    from: { path: `^src/store/sqlite/${name}/` },
    to: { path: "^src/store/sqlite/", pathNot: `^src/store/sqlite/(${paths})(/|[.]ts$)` },
  };
}

const listed = Object.keys(rooms).join("|");
const listedOfStore = Object.keys(storeRooms).join("|");

const domainIo = "^(node:)?(?!crypto$|util$|zlib$)"; // all compute, none reads or writes

// The walk that comes with the parser stops with an error at the one statement that is younger than it:
// `using x = …` and `await using x = …`. Both hold declarators like any other declaration.
const { prototype } = VisitorModule.Visitor ?? VisitorModule;
const { visitStatement } = prototype;
prototype.visitStatement = function (statement) {
  if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
  return { ...statement, decls: this.visitVariableDeclarators(statement.decls) };
};

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-cycles",
      comment: "Two modules that import each other are one module in two files.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-orphans",
      comment: "A source that nothing imports is dead, or was forgotten.",
      severity: "error",
      from: { orphan: true, path: "^src/" },
      to: {},
    },
    {
      name: "resolvable",
      comment:
        "Every import leads to a file or to a package that package.json names: its own, for a story in TypeScript.",
      severity: "error",
      from: { pathNot: "^test/interop/(sdk-typescript|ts-connect-node|ts-connect-web|ts-grpc-js)/" },
      to: { couldNotResolve: true },
    },
    {
      name: "no-dev-packages-at-run-time",
      comment: "An installed tarball has no devDependencies.",
      severity: "error",
      from: { path: "^src/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], dependencyTypesNot: ["type-only"] },
    },
    ...Object.entries(rooms).map(room),
    ...Object.entries(storeRooms).map(storeRoom),
    {
      name: "every-room-of-the-store-has-a-line",
      comment: "What a room of the store may import is said in `storeRooms`, above.",
      severity: "error",
      from: { path: "^src/store/sqlite/[^/]+/", pathNot: `^src/store/sqlite/(${listedOfStore})/` },
      to: {},
    },
    {
      name: "every-folder-has-a-line",
      comment: "What a folder may import is said in `rooms`, above.",
      severity: "error",
      from: { path: "^src/[^/]+/", pathNot: `^(${listed}|src/cli)/` },
      to: {},
    },
    {
      name: "gen-for-the-wire-only",
      comment: "Generated types end where the protocol ends.",
      severity: "error",
      from: { path: "^src/(cli/|[^/]+$)" },
      to: { path: "^gen/" },
    },
    {
      name: "domain-does-no-io",
      comment:
        "Clock, ids and secrets are passed in. Of Node, hashing, checksums and tests of types alone; of the registry, nothing.",
      severity: "error",
      from: { path: "^src/domain/" },
      to: { dependencyTypes: ["core"], path: domainIo },
    },
    {
      name: "domain-needs-no-package",
      severity: "error",
      from: { path: "^src/domain/" },
      to: { path: "node_modules/" },
    },
    {
      name: "store-port-names-no-dialect",
      severity: "error",
      from: { path: "^src/store/[^/]+[.]ts$" },
      to: { path: "^src/store/[^/]+/" },
    },
    {
      name: "drivers-in-their-dialect",
      comment:
        "Another dialect comes beside this one, so nothing else may learn the driver's shape, but what measures it.",
      severity: "error",
      from: { path: "^(src|bench)/", pathNot: "^(src/store/sqlite|bench/store|bench/subjects)/" },
      to: { path: "node_modules/(drizzle-orm|better-sqlite3|@types/better-sqlite3)/" },
    },
    {
      name: "one-place-names-a-dialect",
      comment:
        "Choosing the store is the composition root's; tools on the database's own machine open it likewise.",
      severity: "error",
      from: {
        path: "^(src|bench)/",
        pathNot: "^(src/(store/sqlite/|start/(open-store|store-writer)[.]ts$)|bench/store/)",
      },
      to: { path: "^src/store/[^/]+/" },
    },
    {
      name: "telemetry-packages-in-telemetry",
      comment: "What is counted and traced is ours to say; who does it may change.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/telemetry/" },
      to: { path: "node_modules/(prom-client|@opentelemetry)/" },
    },
    {
      name: "sources-without-tests",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench)/" },
    },
  ],
  options: {
    // The parser that reads TypeScript without TypeScript's own API, which version 7 does not have.
    parser: "swc",
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    doNotFollow: { path: "node_modules|^gen/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".d.ts"],
    },
  },
};
