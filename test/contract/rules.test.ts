import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import { describe, expect, test } from "vitest";
import { RunnerKind, RunnerProvider } from "../../gen/gitpod/v1/runner_configuration_pb.js";
import {
  CreateRunnerRequestSchema,
  RunnerPhase,
  UpdateRunnerRequestSchema,
  type UpdateWindowSchema,
} from "../../gen/gitpod/v1/runner_pb.js";

const validator = createValidator();
const id = "01920000-0000-7000-8000-000000000001";

type Create = MessageInitShape<typeof CreateRunnerRequestSchema>;
type Window = MessageInitShape<typeof UpdateWindowSchema>;

/** One line for each violation: where, which rule, and what it says. */
function violations(result: ReturnType<typeof validator.validate>): string[] {
  if (result.kind === "error") throw result.error;
  return (result.violations ?? []).map(({ field, ruleId, message }) => {
    const path = field.map((part) => ("name" in part ? part.name : "?")).join(".");
    return `${path} ${ruleId}: ${message}`;
  });
}

function onCreate(request: Create): string[] {
  return violations(
    validator.validate(CreateRunnerRequestSchema, create(CreateRunnerRequestSchema, request)),
  );
}

function onUpdate(desiredPhase: RunnerPhase): string[] {
  const request = create(UpdateRunnerRequestSchema, { runnerId: id, spec: { desiredPhase } });
  return violations(validator.validate(UpdateRunnerRequestSchema, request));
}

describe("CreateRunnerRequest", () => {
  const good: Create = { name: "builder", provider: RunnerProvider.AWS_EC2 };

  test("accepts the least that a runner needs", () => {
    expect(onCreate(good)).toEqual([]);
    expect(onCreate({ name: "builder", kind: RunnerKind.REMOTE })).toEqual([]);
  });

  test("an empty request says that the name is too short and that a provider is missing", () => {
    expect(onCreate({})).toEqual([
      "name string.min_len: must be at least 3 characters",
      " runner.create.kind_xor_provider: provider is missing: set exactly one of provider and kind",
    ]);
  });

  test("kind and provider exclude each other", () => {
    expect(onCreate({ ...good, kind: RunnerKind.REMOTE })).toEqual([
      " runner.create.kind_xor_provider: provider and kind are both set: set exactly one of them",
    ]);
  });

  test.each([
    ["ab", 1],
    ["abc", 0],
    ["n".repeat(127), 0],
    ["n".repeat(128), 1],
    ["😀😀", 1],
    ["😀".repeat(127), 0],
  ])("a name is 3 to 127 code points: %s", (name, count) => {
    expect(onCreate({ ...good, name })).toHaveLength(count);
  });

  test("MANAGED needs a manager", () => {
    const managed = { ...good, provider: RunnerProvider.MANAGED };
    expect(onCreate(managed)).toEqual([
      " runner.create.manager_id_iff_managed: runner_manager_id is missing: provider RUNNER_PROVIDER_MANAGED requires it",
    ]);
    expect(onCreate({ ...managed, runnerManagerId: id })).toEqual([]);
  });

  test.each<[string, Create]>([
    ["another provider", good],
    ["a kind", { name: "builder", kind: RunnerKind.REMOTE }],
  ])("%s takes no manager", (_, request) => {
    expect(onCreate({ ...request, runnerManagerId: id })).toEqual([
      " runner.create.manager_id_iff_managed: runner_manager_id is set: only provider RUNNER_PROVIDER_MANAGED takes it",
    ]);
  });

  test("numbers that the enums do not declare are refused", () => {
    expect(onCreate({ name: "builder", provider: 99 as RunnerProvider })).toEqual([
      expect.stringMatching(/^provider enum.defined_only: /),
    ]);
  });
});

describe("desired_phase", () => {
  const wanted = new Set([RunnerPhase.ACTIVE, RunnerPhase.INACTIVE]);
  const phases = [...Object.values(RunnerPhase).filter((value) => typeof value === "number"), 99];

  test.each(phases)("%p on create", (phase) => {
    const found = onCreate({
      name: "builder",
      kind: RunnerKind.REMOTE,
      spec: { desiredPhase: phase as RunnerPhase },
    });
    const accepted = phase === RunnerPhase.UNSPECIFIED || wanted.has(phase);
    expect(found).toEqual(
      accepted ? [] : [expect.stringMatching(/^spec runner.create.desired_phase: spec.desired_phase/)],
    );
  });

  test.each(phases)("%p on update", (phase) => {
    expect(onUpdate(phase)).toEqual(
      wanted.has(phase) ? [] : [expect.stringMatching(/^spec.desired_phase runner.update.desired_phase: /)],
    );
  });
});

describe("update_window", () => {
  const where = "spec.configuration.update_window";

  function onWindow(updateWindow: Window): string[] {
    const request = create(UpdateRunnerRequestSchema, {
      runnerId: id,
      spec: { configuration: { updateWindow } },
    });
    const found = violations(validator.validate(UpdateRunnerRequestSchema, request));
    const created = onCreate({
      name: "builder",
      kind: RunnerKind.REMOTE,
      spec: { configuration: { updateWindow } },
    });
    expect(created).toEqual(found);
    return found;
  }

  test("an empty window, or one without an end, is valid", () => {
    expect(onWindow({})).toEqual([]);
    for (let startHour = 0; startHour < 24; startHour++) expect(onWindow({ startHour })).toEqual([]);
  });

  test("an end needs a start", () => {
    expect(onWindow({ endHour: 5 })).toEqual([
      `${where} update_window.start_required: start_hour is missing: an end_hour requires it`,
    ]);
  });

  test("hours end at 23", () => {
    expect(onWindow({ startHour: 24 })).toEqual([
      `${where}.start_hour update_window.start_hour: start_hour must be between 0 and 23`,
    ]);
    expect(onWindow({ startHour: 22, endHour: 24 })).toEqual([
      `${where}.end_hour update_window.end_hour: end_hour must be between 0 and 23`,
    ]);
    expect(onWindow({ startHour: 4_294_967_295, endHour: 4_294_967_295 })).toHaveLength(2);
  });

  test("two hours at least, across midnight too", () => {
    for (let startHour = 0; startHour < 24; startHour++) {
      for (let length = 0; length < 24; length++) {
        const found = onWindow({ startHour, endHour: (startHour + length) % 24 });
        expect(found).toEqual(
          length >= 2
            ? []
            : [expect.stringContaining(`${where} update_window.min_two_hours: end_hour must be`)],
        );
      }
    }
  });
});
