import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";
import { invalidField } from "../../domain/errors.ts";

/** The years 1 to 9999, in seconds since the Unix epoch: what a `google.protobuf.Timestamp` may say. */
const [first, last] = [-62_135_596_800n, 253_402_300_799n];

/**
 * Milliseconds since the Unix epoch. The binary form holds more than a date can be.
 * @throws DomainError `invalid` for the field
 */
export function timeMs(field: string, time: Timestamp): number {
  if (time.seconds < first || time.seconds > last || time.nanos < 0 || time.nanos > 999_999_999) {
    throw invalidField(field, "timestamp.range", "must be a time between the years 1 and 9999");
  }
  return timestampMs(time);
}
