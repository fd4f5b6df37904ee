import { describe, expect, it } from "vitest";
import { visitorOf } from "../../../src/customers/registration/visitor.ts";

describe("a visitor", () => {
  it.each([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8:1:2::1", "2001:0DB8:0001:0002:0000:0000:0000:0003"],
    ["2001:db8::1", "2001:db8:0:0:1::"],
    ["2001:db8::", "2001:db8::2"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ])("by IPv6 is one by %s and by %s", (one, other) => {
    expect(visitorOf(one)).toBe(visitorOf(other));
  });

  it.each([
    ["192.0.2.1", "192.0.2.2"],
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["2001:db8::1", "2001:db8:0:1::1"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.2"],
    ["no address", "no:address"],
  ])("by %s is another than by %s", (one, other) => {
    expect(visitorOf(one)).not.toBe(visitorOf(other));
  });
});
