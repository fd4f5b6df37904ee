import { describe, expect, it } from "vitest";
import { registerAgreement } from "../../../src/customers/register-agreement.ts";
import { Queue, START } from "../delivery/queue.ts";

/** A customer of a product without concurrent agreements, whom AWS tells by one of its two ids or by both. */

const IDENTIFIER = { customerIdentifier: "ci-1" };
const ACCOUNT = { accountId: "111122223333" };
const BOTH = { ...IDENTIFIER, ...ACCOUNT };

/** What each of a customer's visits was registered as. */
async function visit(visits: readonly Partial<typeof BOTH>[]) {
  const queue = new Queue();
  await queue.product("legacy", 0);
  const product = {
    id: "legacy",
    productCode: "legacy",
    concurrentAgreements: false,
    concurrentAgreementsFrom: null,
    contract: false,
    shards: 1,
  };
  const ids: (string | undefined)[] = [];
  for (const names of visits) {
    const agreement = await registerAgreement(queue.ledger, {
      product,
      accountId: null,
      licenseArn: null,
      customerIdentifier: null,
      ...names,
      fields: {},
      arrivedAt: START,
      now: START,
    });
    ids.push(agreement?.id);
  }
  return ids;
}

describe("a customer of a legacy product", () => {
  it.each([
    ["CustomerIdentifier, both, account", [IDENTIFIER, BOTH, ACCOUNT]],
    ["both, CustomerIdentifier, account", [BOTH, IDENTIFIER, ACCOUNT]],
    ["account, both, CustomerIdentifier", [ACCOUNT, BOTH, IDENTIFIER]],
  ])("has one agreement, also when AWS tells by and by: %s", async (_order, visits) => {
    expect(new Set(await visit(visits)).size).toBe(1);
  });

  it("has another agreement than a customer of another account and CustomerIdentifier", async () => {
    const other = { customerIdentifier: "ci-2", accountId: "444455556666" };
    expect(new Set(await visit([IDENTIFIER, BOTH, other])).size).toBe(2);
  });
});
