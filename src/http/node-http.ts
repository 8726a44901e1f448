import type {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { ShownCertificate } from "../domain/tokens/client-certificate.ts";

/** A request of either HTTP server of Node. */
export type NodeServerRequest = Parameters<typeof universalRequestFromNodeRequest>[0];

/** A response of either HTTP server of Node, with the differences in their types evened out. */
export type NodeServerResponse = Parameters<typeof universalResponseToNodeResponse>[1];

/** Where a request came in. */
export interface Origin {
  readonly scheme: "http" | "https";
  readonly remoteAddress: string;
  readonly clientCertificate: ShownCertificate;
  /** A call came with a good token: the connection is no stranger's. */
  showedToken(): void;
}

export type RequestHandler = (req: NodeServerRequest, res: NodeServerResponse, origin: Origin) => void;
