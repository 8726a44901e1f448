import { expect } from "vitest";
import type { Caller, Outcome } from "./caller.ts";

interface RunnerJson {
  readonly runnerId: string;
  readonly name: string;
  readonly spec: { readonly configuration: { readonly region: string; readonly autoUpdate?: boolean } };
  readonly status: { readonly phase: string };
}

/** What a client does with a runner in its first five minutes; every client must see the same. */
export async function tellStory(caller: Caller): Promise<void> {
  const created = answered(
    await caller.call("CreateRunner", {
      name: "matrix-runner",
      provider: "RUNNER_PROVIDER_AWS_EC2",
      spec: { configuration: { region: "eu-central-1" } },
    }),
  );
  const { runnerId } = created.runner as RunnerJson;
  expect(created.exchangeToken).toMatch(/^rcexc_\w{49}$/);

  const got = answered(await caller.call("GetRunner", { runnerId })).runner as RunnerJson;
  expect(got).toEqual(created.runner);
  expect(got.status.phase).toBe("RUNNER_PHASE_CREATED");

  const listed = answered(await caller.call("ListRunners", { filter: { kinds: ["RUNNER_KIND_REMOTE"] } }));
  expect((listed.runners as RunnerJson[]).map((runner) => runner.runnerId)).toContain(runnerId);

  const change = { runnerId, name: "matrix-renamed", spec: { configuration: { autoUpdate: true } } };
  expect(answered(await caller.call("UpdateRunner", change))).toEqual({});
  const changed = answered(await caller.call("GetRunner", { runnerId })).runner as RunnerJson;
  expect(changed.name).toBe("matrix-renamed");
  expect(changed.spec.configuration).toEqual({ region: "eu-central-1", autoUpdate: true });

  const refusal = refused(await caller.call("CreateRunner", { name: "ab", provider: "RUNNER_PROVIDER_GCP" }));
  expect(refusal.code).toBe("invalid_argument");
  expect(refusal.message).toContain("name: must be at least 3 characters");

  expect(answered(await caller.call("DeleteRunner", { runnerId }))).toEqual({});
  const gone = refused(await caller.call("GetRunner", { runnerId }));
  expect(gone).toEqual({ code: "not_found", message: "runner not found" });
}

function answered(outcome: Outcome): Record<string, unknown> {
  if ("refused" in outcome) throw new Error(`refused: ${outcome.refused.code}: ${outcome.refused.message}`);
  return outcome.answer;
}

function refused(outcome: Outcome): { code: string; message: string } {
  if ("answer" in outcome) throw new Error(`answered: ${JSON.stringify(outcome.answer)}`);
  return outcome.refused;
}
