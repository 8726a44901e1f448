import { type Settings, variableOf } from "../../src/config/settings-table.ts";

/**
 * Settings of the servers under test: whether a call is refused, or a connection closed, must not depend on how fast or how
 * slow the machine is. A test of one of these limits sets its own.
 */
export const unhurried = {
  "rate-limit-token": "0",
  "rate-limit-address": "0",
  "shed-delay": "0",
  "headers-timeout": "3600",
  "request-timeout": "3600",
  "idle-timeout": "3600",
  "shutdown-deadline": "3600",
} satisfies Settings;

/** The same for a server in a process of its own; its flags win over them. */
export const unhurriedEnvironment: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(unhurried).map(([flag, value]) => [variableOf(flag as keyof typeof unhurried), value]),
);
