import { expect, test } from "vitest";
import { readSources } from "../../src/config/sources.ts";
import { runInProcess } from "../support/command-in-process.ts";

const collector = "OTEL_EXPORTER_OTLP_ENDPOINT";

/** What an environment alone sets, as text. */
function read(environment: NodeJS.ProcessEnv) {
  const { set, warnings } = readSources({}, undefined, environment);
  return { set: Object.fromEntries(Object.entries(set).map(([flag, { text }]) => [flag, text])), warnings };
}

test("a Kubernetes Service of the same name sets no port, and is told where it takes the place of a setting", () => {
  const environment = {
    ROLLCALL_PORT: "tcp://10.96.3.4:7655",
    ROLLCALL_METRICS_PORT: "tcp://10.96.3.5:9464",
    ROLLCALL_SERVICE_HOST: "10.96.3.4",
    ROLLCALL_SERVICE_PORT: "7655",
    ROLLCALL_SERVICE_PORT_HTTP: "7655",
    ROLLCALL_PORT_7655_TCP: "tcp://10.96.3.4:7655",
    ROLLCALL_PORT_7655_TCP_PROTO: "tcp",
    ROLLCALL_PORT_7655_TCP_PORT: "7655",
    ROLLCALL_PORT_7655_TCP_ADDR: "10.96.3.4",
    ROLLCALL_WEB_PORT: "tcp://10.96.3.6:80",
  };
  expect(read(environment).set).toEqual({ "data-dir": expect.any(String) });
  expect(read(environment).warnings).toEqual([
    expect.stringMatching(/^ROLLCALL_PORT is ignored: Kubernetes sets it/),
    expect.stringMatching(/^ROLLCALL_METRICS_PORT is ignored: Kubernetes sets it/),
  ]);
});

test("a variable that is no setting is told by its name, without its value", () => {
  const environment = {
    ROLLCALL_LOG_LEVEL_: "debug",
    ROLLCALL_ADMIN_TOKENS: "a-secret",
    ROLLCALL_OTHER: "a-secret",
    ROLLCALL_CONFIG: "",
    ROLLCALL_LOG_LEVEL: "warn",
    ROLLCALL_URL: "http://127.0.0.1:7655",
    ROLLCALL: "http://127.0.0.1:7655",
    OTHER: "x",
  };
  expect(read(environment).warnings).toEqual([
    "ROLLCALL_LOG_LEVEL_ is no setting of this version, and sets nothing; did you mean ROLLCALL_LOG_LEVEL?",
    "ROLLCALL_ADMIN_TOKENS is no setting of this version, and sets nothing; did you mean ROLLCALL_ADMIN_TOKEN?",
    "ROLLCALL_OTHER is no setting of this version, and sets nothing",
  ]);
});

test.each([
  [{ [collector]: "collector:4317" }, /OTEL_EXPORTER_OTLP_ENDPOINT is no http or https address/],
  [
    { [collector]: "http://c:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
    /another protocol than http\/protobuf/,
  ],
  [{ [collector]: "http://c:4317", OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "grpc" }, /another protocol than/],
])("OpenTelemetry's variables that do not fit send no traces: %j", (environment, told) => {
  expect(read(environment).set).not.toHaveProperty("otlp-endpoint");
  expect(read(environment).warnings).toEqual([expect.stringMatching(told)]);
  const own = { ...environment, ROLLCALL_OTLP_ENDPOINT: "http://c:4318" };
  expect(read(own).set).toMatchObject({ "otlp-endpoint": "http://c:4318" });
  expect(read(own).warnings).toEqual([]);
});

test("those that fit are taken", () => {
  const environment = { [collector]: "http://c:4318", OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" };
  expect(read(environment).set).toMatchObject({ "otlp-endpoint": "http://c:4318" });
  expect(read(environment).warnings).toEqual([]);
});

test("rollcall config tells what is set in vain, and our own settings are still held to their rules", async () => {
  const foreign = {
    ROLLCALL_PORT: "tcp://10.96.3.4:7655",
    ROLLCALL_PROT: "1",
    [collector]: "collector:4317",
  };
  const { code, stdout, stderr } = await runInProcess(["config"], foreign);
  expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ port: 7655, tracing: null })]);
  expect(stderr.trimEnd().split("\n")).toHaveLength(3);
  expect(await runInProcess(["config"], { ROLLCALL_OTLP_ENDPOINT: "collector:4317" })).toMatchObject({
    code: 2,
  });
  expect(await runInProcess(["config"], { ROLLCALL_PORT: "http" })).toMatchObject({ code: 2 });
});
