import { expect, test } from "vitest";
import { GroupService } from "../../gen/gitpod/v1/group_pb.js";
import { AdminService } from "../../gen/rollcall/v1/admin_pb.js";
import { listOf } from "../../src/rpc/services/paging.ts";

test("a page token's list is named as the descriptor names its method: tokens outlive an upgrade", () => {
  expect(listOf({ method: GroupService.method.listGroups }, "{}")).toBe(
    "gitpod.v1.GroupService/ListGroups {}",
  );
  expect(listOf({ method: AdminService.method.listOrganizations })).toBe(
    "rollcall.v1.AdminService/ListOrganizations",
  );
  // Narrowed by nothing is not the same as: cannot be narrowed.
  expect(listOf({ method: AdminService.method.listUsers }, "")).toBe("rollcall.v1.AdminService/ListUsers ");
});
