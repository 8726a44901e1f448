import os from "node:os";

/** What `system_details` says of the host, as JSON: the same between two starts unless the host changed. */
export function hostDetails(agentVersion: string): string {
  const cpus = os.cpus();
  return JSON.stringify({
    hostname: os.hostname(),
    os: { platform: os.platform(), name: os.type(), release: os.release(), version: os.version() },
    cpu: { architecture: os.arch(), model: cpus[0]?.model.trim() ?? "", count: os.availableParallelism() },
    memory: { totalBytes: os.totalmem() },
    agent: { version: agentVersion },
  });
}
