import type {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";

/** A request of either HTTP server of Node. */
export type NodeServerRequest = Parameters<typeof universalRequestFromNodeRequest>[0];

/** A response of either HTTP server of Node, with the differences in their types evened out. */
export type NodeServerResponse = Parameters<typeof universalResponseToNodeResponse>[1];

export type RequestHandler = (req: NodeServerRequest, res: NodeServerResponse) => void;
