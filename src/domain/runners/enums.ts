// The domain imports no generated code, so it names the enum numbers of the contract itself;
// test/domain/enums.test.ts holds them against the generated ones.

/** `gitpod.v1.RunnerPhase`. */
export const RunnerPhase = {
  UNSPECIFIED: 0,
  CREATED: 1,
  INACTIVE: 2,
  ACTIVE: 3,
  DELETING: 4,
  DELETED: 5,
  DEGRADED: 6,
} as const;
export type RunnerPhase = (typeof RunnerPhase)[keyof typeof RunnerPhase];

/** `gitpod.v1.RunnerKind`. */
export const RunnerKind = {
  UNSPECIFIED: 0,
  LOCAL: 1,
  REMOTE: 2,
  LOCAL_CONFIGURATION: 3,
} as const;
export type RunnerKind = (typeof RunnerKind)[keyof typeof RunnerKind];

/** `gitpod.v1.RunnerProvider`. */
export const RunnerProvider = {
  UNSPECIFIED: 0,
  AWS_EC2: 1,
  LINUX_HOST: 2,
  DESKTOP_MAC: 3,
  MANAGED: 4,
  GCP: 5,
  DEV_AGENT: 6,
} as const;
export type RunnerProvider = (typeof RunnerProvider)[keyof typeof RunnerProvider];

/** As the settings spell it, such as `AWS_EC2`. */
export function providerName(provider: RunnerProvider): string {
  const [name = String(provider)] = Object.entries(RunnerProvider).find(([, one]) => one === provider) ?? [];
  return name;
}
