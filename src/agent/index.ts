/** The runner agent as a library; `rollcall agent` is made of it, and so can be agents of other shapes. */
export { runAgent } from "./agent.ts";
export { capabilityNames, parseCapability } from "./capabilities.ts";
export { commandHooks, type HookCommands } from "./command-hooks.ts";
export {
  type AgentConnection,
  type AgentProtocol,
  agentProtocols,
  type ConnectionOptions,
  openConnection,
  parseServerUrl,
  sendsTokensInClear,
} from "./connection.ts";
export { type AgentEnd, AgentEndError, type EndKind, exitCodes } from "./end.ts";
export { hostDetails } from "./host.ts";
export type { AgentLog } from "./log.ts";
export type { AgentHooks, AgentOptions, RunnerFacts } from "./options.ts";
export { systemTime, type Time } from "./time.ts";
export { type AgentTiming, defaultTiming } from "./timing.ts";
export { agentVersion } from "./version.ts";
export type { WantedState } from "./wanted.ts";
