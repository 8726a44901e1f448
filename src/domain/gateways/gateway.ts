import { DomainError, invalidField } from "../errors.ts";

/** A relay that runners keep a connection to, so that clients reach them without an open inbound port. */
export interface Gateway {
  readonly id: string;
  readonly organizationId: string;
  /** Unique in the organisation. */
  readonly name: string;
  /** Where runners connect to. */
  readonly url: string;
  /** In the terms of the operator that runs it; may be empty. */
  readonly region: string;
  /** Wall-clock milliseconds. */
  readonly createdAt: number;
}

/** @throws DomainError `invalid` for what is no absolute URL: a runner could not connect to it. */
export function draftGateway(gateway: Gateway): Gateway {
  if (!URL.canParse(gateway.url)) {
    throw invalidField(
      "url",
      "gateway.url.absolute",
      "must be an absolute URL such as https://gw.example.com",
    );
  }
  return gateway;
}

export function gatewayNotFound(): DomainError {
  return new DomainError("not_found", "gateway not found", { reason: "GATEWAY_NOT_FOUND" });
}
