import { defineConfig } from "vitest/config";

/** What Stryker runs against each mutant: the tests of the pure core and of the settling rules, in plain Node. */
export default defineConfig({
  test: {
    environment: "node",
    setupFiles: ["test/unit/short-properties.ts"],
    include: [
      "test/unit/meter/**/*.test.ts",
      "test/unit/delivery/**/*.test.ts",
      "test/unit/parked/**/*.test.ts",
      "test/unit/customers/{agreement-for,known-hours,life,missing-contracts,registration-keys,renewals,sns-signature,steps,terms}.test.ts",
    ],
    // Real storage and whole queues: slow, and not what is asked here.
    exclude: ["test/unit/delivery/submit.test.ts", "test/unit/meter/shard.test.ts"],
  },
});
