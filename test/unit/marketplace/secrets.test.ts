import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  createMarketplaceClient,
  createStsClient,
  staticCredentials,
} from "../../../src/marketplace/index.ts";
import type { Reply } from "./stand-in.ts";
import { json, network, options, page, usage } from "./stand-in.ts";

/** A secret of a length that secrets have, in characters that a header, a form or JSON may have to escape. */
const secret = fc.stringMatching(/^[A-Za-z0-9+/=%&"\\<>~-]{20,60}$/);

/** Ways in which a server, a proxy or a platform may say back what it was told. */
const echoes: readonly ((text: string) => Reply)[] = [
  (text) =>
    json(400, { __type: "InvalidSignatureException", message: `The canonical string is ${text} and so on` }),
  (text) => json(400, { __type: `Odd${text}Exception`, message: text }),
  (text) => json(400, { __type: "ValidationException", message: encodeURIComponent(text) }),
  (text) => json(400, { __type: "ValidationException", message: JSON.stringify({ text }) }),
  (text) => json(503, { message: text }, { "content-type": "text/html; echo=1", "x-amzn-requestid": text }),
  (text) => page(502, `<html>${text}</html>`),
  (text) => () => Promise.reject(new Error(`could not send ${text}`, { cause: new Error(text) })),
];

function spellings(text: string): readonly string[] {
  return [text, encodeURIComponent(text), JSON.stringify(text).slice(1, -1)];
}

describe("no secret is in an outcome, whoever says it back", () => {
  it("neither the secret access key, the session token nor the registration token", async () => {
    await fc.assert(
      fc.asyncProperty(
        secret,
        secret,
        secret,
        fc.constantFrom(...echoes),
        async (key, session, token, echo) => {
          const secrets = [key, session, token];
          for (const said of secrets) {
            const given = options(network(echo(said)).fetch, {
              credentials: staticCredentials({
                accessKeyId: "AKIDEXAMPLE",
                secretAccessKey: key,
                sessionToken: session,
              }),
            });
            const client = createMarketplaceClient(given);
            const outcome = await client.resolveCustomer({ RegistrationToken: token });
            const text = Object.values(outcome.ok ? {} : outcome.error).join("\n");
            for (const spelling of secrets.flatMap(spellings)) expect(text).not.toContain(spelling);
            expect(JSON.stringify(outcome)).not.toContain(said);
          }
        },
      ),
    );
  });

  it("nor the identity token", async () => {
    await fc.assert(
      fc.asyncProperty(secret, async (WebIdentityToken) => {
        const xml = `<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>bad: ${WebIdentityToken.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</Message></Error></ErrorResponse>`;
        const sts = createStsClient(options(network(page(400, xml, "text/xml")).fetch));
        const role = { RoleArn: "arn:aws:iam::111122223333:role/metering", RoleSessionName: "metergate" };
        const outcome = await sts.assumeRoleWithWebIdentity({ ...role, WebIdentityToken });
        expect(outcome).toMatchObject({ ok: false, error: { kind: "invalid-identity-token" } });
        expect(outcome.ok ? "" : outcome.error.message).not.toContain(WebIdentityToken);
      }),
    );
  });

  it("nor what AWS quotes of a request whose signature is wrong", async () => {
    const message =
      "The request signature we calculated does not match the signature you provided.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:x\nx-amz-security-token:cut-somewhere-els";
    const client = createMarketplaceClient(
      options(network(json(400, { __type: "InvalidSignatureException", message })).fetch),
    );

    const outcome = await client.batchMeterUsage({ UsageRecords: [usage()] });

    expect(outcome.ok ? "" : outcome.error.message).toBe(
      'BatchMeterUsage in us-east-1: AWS answered InvalidSignatureException ("The request signature we calculated does not match the signature you provided"). ' +
        "The signature does not match: check the secret access key and the Region, and that no proxy changes the request.",
    );
  });

  it("and AWS's text stays readable: one line of a bounded length", async () => {
    const message = "long\n\t text ".repeat(1000);
    const client = createMarketplaceClient(
      options(network(json(400, { __type: "ValidationException", message })).fetch),
    );
    const outcome = await client.batchMeterUsage({ UsageRecords: [usage()] });
    const said = outcome.ok ? "" : outcome.error.message;
    expect(said).not.toMatch(/[\n\t]/);
    expect(said.length).toBeLessThan(700);
  });
});
