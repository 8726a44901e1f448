import { registerHooks } from "node:module";

// Has Node load Drizzle's CommonJS build. For each ES module of a package Node 26 goes through the package's package.json
// again, which is 178 KB for Drizzle: its 140 modules take 0.4 s of CPU that way, and every thread that writes loads them.

registerHooks({
  resolve: (specifier, context, next) =>
    next(
      specifier,
      specifier.startsWith("drizzle-orm") ? { ...context, conditions: ["node", "require"] } : context,
    ),
});
