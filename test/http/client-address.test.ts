import { expect, test } from "vitest";
import { clientAddress } from "../../src/http/connections/client-address.ts";
import { addressList } from "../../src/lib/address-list.ts";

const { list: proxies, wrong } = addressList(["10.0.0.0/8", "2001:db8::7", "192.0.2.1"]);
const seen = (remoteAddress: string, forwarded?: string) =>
  clientAddress(remoteAddress, { "x-forwarded-for": forwarded }, proxies);

test.each([
  ["nobody in between", "203.0.113.5", undefined, "203.0.113.5"],
  ["a client that invents a header", "203.0.113.5", "1.2.3.4", "203.0.113.5"],
  ["a proxy", "10.1.2.3", "203.0.113.5", "203.0.113.5"],
  ["a proxy, its address mapped into IPv6", "::ffff:10.1.2.3", "203.0.113.5", "203.0.113.5"],
  ["two proxies and an invention", "10.1.2.3", "1.2.3.4, 203.0.113.5, 2001:db8::7", "203.0.113.5"],
  ["a proxy that says nothing", "10.1.2.3", undefined, "10.1.2.3"],
  ["a proxy that passes nonsense on", "10.1.2.3", "203.0.113.5, <script>", "10.1.2.3"],
  ["a proxy that writes the port", "10.1.2.3", "203.0.113.5:50001", "203.0.113.5"],
  ["a proxy that writes an IPv6 address with a port", "10.1.2.3", "[2001:db8::1]:443", "2001:db8::1"],
  ["a proxy that writes brackets alone", "10.1.2.3", "[2001:db8::1]", "2001:db8::1"],
  ["two proxies that write ports", "10.1.2.3", "203.0.113.5:1, [2001:db8::7]:2", "203.0.113.5"],
  ["a proxy that writes quotes", "10.1.2.3", '"[2001:db8::1]:443"', "2001:db8::1"],
  ["brackets around IPv4", "10.1.2.3", "[203.0.113.5]:1", "10.1.2.3"],
  ["a port that is none", "10.1.2.3", "203.0.113.5:http", "10.1.2.3"],
  ["proxies alone", "192.0.2.1", "10.9.9.9", "10.9.9.9"],
])("%s", (_what, socket, header, expected) => {
  expect(seen(socket, header)).toBe(expected);
});

test("what is no address and no network is named", () => {
  expect(wrong).toEqual([]);
  const bad = ["10.0.0.0/33", "proxy.example", "10.0.0.0/8/8", "::1/129", "1.2.3.4/x"];
  expect(addressList([...bad, "::1/128"]).wrong).toEqual(bad);
});
