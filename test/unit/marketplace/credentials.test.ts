import { describe, expect, it } from "vitest";
import type { Credentials, CredentialsOutcome } from "../../../src/marketplace/index.ts";
import {
  createMarketplaceClient,
  createStsClient,
  refreshingCredentials,
  staticCredentials,
} from "../../../src/marketplace/index.ts";
import { credentials, json, network, now, options, usage } from "./stand-in.ts";

const minute = 60_000;

/** A clock that stands still until it is set, and a source of numbered sessions of an hour that can be told to fail. */
function source() {
  const state = { time: now, calls: 0, fails: false, release: (): void => undefined };
  const provider = refreshingCredentials({
    now: () => state.time,
    obtain: async () => {
      state.calls += 1;
      const session = `session-${state.calls}`;
      await Promise.resolve();
      return state.fails ? failed() : given(session, state.time + 60 * minute);
    },
  });
  return { state, provider };
}

function given(accessKeyId: string, expiresAt: number): CredentialsOutcome {
  return { ok: true, value: { accessKeyId, secretAccessKey: "secret-of-it", expiresAt }, requestId: null };
}

/** A failure as STS gives it. */
function failed(): CredentialsOutcome {
  return {
    ok: false,
    error: {
      kind: "throttled",
      advice: "retry",
      held: "no",
      message: "AssumeRole in us-east-1: AWS answered Throttling.",
      code: "Throttling",
      requestId: null,
      httpStatus: 400,
    },
  };
}

function keyOf(outcome: CredentialsOutcome): string {
  return outcome.ok ? outcome.value.accessKeyId : outcome.error.kind;
}

describe("credentials that renew themselves", () => {
  it("are fetched once and used until five minutes before they end", async () => {
    const { state, provider } = source();

    expect(keyOf(await provider())).toBe("session-1");
    state.time = now + 54 * minute;
    expect(keyOf(await provider())).toBe("session-1");
    state.time = now + 55 * minute;
    expect(keyOf(await provider())).toBe("session-2");
    expect(state.calls).toBe(2);
  });

  it("are fetched by one call for all who ask at the same time", async () => {
    const { state, provider } = source();

    const outcomes = await Promise.all(Array.from({ length: 20 }, () => provider()));

    expect(new Set(outcomes.map(keyOf))).toEqual(new Set(["session-1"]));
    expect(state.calls).toBe(1);
  });

  it("fail for all who share the call, and are asked for anew by the next", async () => {
    const { state, provider } = source();
    state.fails = true;
    expect((await Promise.all([provider(), provider()])).map(keyOf)).toEqual(["throttled", "throttled"]);

    state.fails = false;
    expect(keyOf(await provider())).toBe("session-2");
  });

  it("are used on while they work when a renewal fails, which is tried again only after half a minute", async () => {
    // Given a session about to end, and a source that fails
    const { state, provider } = source();
    await provider();
    state.fails = true;
    state.time = now + 56 * minute;

    // When it is asked for, then the old one is used, and the source left alone for half a minute
    expect(keyOf(await provider())).toBe("session-1");
    expect(keyOf(await provider())).toBe("session-1");
    expect(state.calls).toBe(2);
    state.time += minute / 2;
    expect(keyOf(await provider())).toBe("session-1");
    expect(state.calls).toBe(3);

    // And once the old one has ended, the failure is the answer, at once and not after a pause
    state.time = now + 60 * minute;
    expect(keyOf(await provider())).toBe("throttled");
    expect(state.calls).toBe(4);
  });

  it("are renewed before their time when AWS has refused them, by one call for all who noticed", async () => {
    const { state, provider } = source();
    const first = await provider();
    const refused = first.ok ? first.value : credentials;

    const again = await Promise.all([provider(refused), provider(refused)]);

    expect(again.map(keyOf)).toEqual(["session-2", "session-2"]);
    // And one who is late to notice gets what the others have fetched
    expect(keyOf(await provider(refused))).toBe("session-2");
    expect(state.calls).toBe(2);
  });

  it("are not used again after AWS has refused them, even if the renewal fails", async () => {
    const { state, provider } = source();
    const first = await provider();
    state.fails = true;
    expect(keyOf(await provider(first.ok ? first.value : credentials))).toBe("throttled");
  });

  it("without an end are kept", async () => {
    let calls = 0;
    const provider = refreshingCredentials({
      now: () => now + calls * 1000 * minute,
      obtain: () => {
        calls += 1;
        return Promise.resolve({ ok: true, value: credentials, requestId: null });
      },
    });
    await provider();
    await provider();
    expect(calls).toBe(1);
  });
});

describe("a call whose credentials AWS refuses", () => {
  const expired = json(400, {
    __type: "ExpiredTokenException",
    message: "The security token included in the request is expired",
  });
  const done = json(200, { Results: [], UnprocessedRecords: [] });

  it("is made once more, with the same bytes, when there are others", async () => {
    const { provider } = source();
    const { fetch, received } = network(expired, done);

    const outcome = await createMarketplaceClient(options(fetch, { credentials: provider })).batchMeterUsage({
      UsageRecords: [usage()],
    });

    expect(outcome.ok).toBe(true);
    expect(
      received.map(({ headers }) => /Credential=([^/]+)/.exec(headers.get("authorization") ?? "")?.[1]),
    ).toEqual(["session-1", "session-2"]);
    expect(received[1]?.body).toBe(received[0]?.body);
  });

  it("is made once more only", async () => {
    const { provider } = source();
    const { fetch, received } = network(expired);
    const client = createMarketplaceClient(options(fetch, { credentials: provider }));

    const outcome = await client.batchMeterUsage({ UsageRecords: [usage()] });

    expect(outcome).toMatchObject({ ok: false, error: { kind: "expired-credentials" } });
    expect(received).toHaveLength(2);
  });

  it("is not made again when there are no others", async () => {
    const { fetch, received } = network(expired);
    await createMarketplaceClient(options(fetch)).batchMeterUsage({ UsageRecords: [usage()] });
    expect(received).toHaveLength(1);
  });

  it("is not made at all with a session that is known to have ended", async () => {
    const { fetch, received } = network(done);
    const session = staticCredentials({ ...credentials, sessionToken: "session-token", expiresAt: now });

    const outcome = await createMarketplaceClient(options(fetch, { credentials: session })).resolveCustomer({
      RegistrationToken: "registration-token",
    });

    expect(outcome).toMatchObject({ ok: false, error: { kind: "expired-credentials", held: "no" } });
    expect(received).toEqual([]);
  });
});

describe("a call for which there are no credentials", () => {
  it("fails as the call for them did, but AWS surely holds nothing of it", async () => {
    // Given a role whose STS cannot be reached
    const broken = options(network(() => Promise.reject(new Error("no route"))).fetch);
    const sts = createStsClient(broken);
    const request = { RoleArn: "arn:aws:iam::111122223333:role/metering", RoleSessionName: "metergate" };
    const obtain = async (): Promise<CredentialsOutcome> => {
      const outcome = await sts.assumeRole(request);
      return outcome.ok ? given("unexpected", 0) : outcome;
    };
    const { fetch, received } = network(json(200, {}));

    const outcome = await createMarketplaceClient(options(fetch, { credentials: obtain })).batchMeterUsage({
      UsageRecords: [usage()],
    });

    expect(outcome).toMatchObject({
      ok: false,
      error: { kind: "network-failure", advice: "retry", held: "no" },
    });
    expect(outcome.ok ? "" : outcome.error.message).toMatch(
      /^AssumeRole in us-east-1: no whole answer from sts\.us-east-1/,
    );
    expect(received).toEqual([]);
  });

  it.each<[string, Partial<Credentials>]>([
    ["access key id is empty", { accessKeyId: "" }],
    ["secret access key is empty", { secretAccessKey: "" }],
    ["secret access key contains a space, a line break", { secretAccessKey: "wJalrXUtnFEMI/K7MDENG\n" }],
    ["session token contains a space, a line break", { sessionToken: "token with spaces" }],
  ])("says that the %s, and nothing is sent", async (says, wrong) => {
    const { fetch, received } = network(json(200, {}));
    const provider = staticCredentials({ ...credentials, ...wrong });

    const outcome = await createMarketplaceClient(options(fetch, { credentials: provider })).batchMeterUsage({
      UsageRecords: [usage()],
    });

    expect(outcome).toMatchObject({
      ok: false,
      error: { kind: "credentials-unavailable", advice: "fix-setting" },
    });
    expect(outcome.ok ? "" : outcome.error.message).toContain(says);
    expect(received).toEqual([]);
  });
});
