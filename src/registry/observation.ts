import type { Clock } from "../domain/clock.ts";
import type { RunnerView } from "../domain/leases/engine.ts";
import type { LeaseSettings } from "../domain/leases/settings.ts";
import { type DerivedStatus, deriveStatus, freshStatus, storedStanding } from "../domain/leases/status.ts";
import { RunnerKind } from "../domain/runners/enums.ts";
import type { Runner } from "../domain/runners/runner.ts";
import type { RunnerStore } from "../store/store.ts";
