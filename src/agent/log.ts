/** Where an agent says what it does; pino's Logger is one. Nothing secret is ever passed to it. */
export interface AgentLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
