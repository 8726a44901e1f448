import type { ServiceImpl } from "@connectrpc/connect";
import type { GatewayService } from "../../../gen/gitpod/v1/gateway_pb.js";
import type { Store } from "../../store/store.ts";
import { callerOf } from "../call/context.ts";
import { listOf, pageOf } from "./paging.ts";

/** `gitpod.v1.GatewayService`: runners ask too, since they must know where to connect to. */
export function gatewayService({ store }: { readonly store: Store }): ServiceImpl<typeof GatewayService> {
  return {
    async listGateways(request, context) {
      const { organizationId } = callerOf(context);
      const list = listOf(context);
      const { rows, pagination } = await pageOf(request.pagination, list, (page) =>
        store.gateways.list(organizationId, page),
      );
      return { gateways: rows.map(({ name, url, region }) => ({ name, url, region })), pagination };
    },
  };
}
