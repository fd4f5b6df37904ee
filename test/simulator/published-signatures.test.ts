import { describe, expect, it } from "vitest";
import { signatureMatches, type Scope } from "../../simulator/src/wire/sigv4.ts";

/** AWS's published test suite for Signature Version 4 ("aws-sig-v4-test-suite"). */
describe("the verifier of signatures", () => {
  const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
  const time = "20150830T123600Z";

  it.each([
    ["get-vanilla", "GET", "/", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
    ["post-vanilla", "POST", "/", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
    [
      "get-vanilla-query-order-key-case",
      "GET",
      "/?Param2=value2&Param1=value1",
      {},
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ],
    [
      "post-header-key-sort",
      "POST",
      "/",
      { "my-header1": "value1" },
      "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ],
  ])(
    "takes the published signature of %s, and for nothing else",
    async (_name, method, path, more, signature) => {
      const headers = new Headers({ "x-amz-date": time, ...more });
      const request = {
        method,
        url: new URL(`https://example.amazonaws.com${path}`),
        headers,
        body: new Uint8Array(),
      };
      const scope: Scope = {
        accessKeyId: "AKIDEXAMPLE",
        date: "20150830",
        region: "us-east-1",
        signedHeaders: ["host", ...Object.keys(more), "x-amz-date"],
        signature,
        time,
      };
      expect(await signatureMatches(request, scope, "service", secret)).toBe(true);
      expect(await signatureMatches({ ...request, method: "PUT" }, scope, "service", secret)).toBe(false);
    },
  );
});
