/** `npm run mutation`: would the tests notice if the pure core and the settling rules were wrong? */
export default {
  testRunner: "vitest",
  vitest: { configFile: "vitest.mutation.config.ts" },
  coverageAnalysis: "perTest",
  mutate: [
    "src/meter/{account,allocations,allowance,due,hour-bucket,hours,quantity,decisions,booking,voiding,balances,held,dimension,duplicates,event-outcome}.ts",
    "src/delivery/{settling,batch-plan,isolation,pacer,product-delivery,deadlines}.ts",
    "src/parked/rules.ts",
    "src/customers/{agreement-for,life,notices/sns-signature,registration/keys}.ts",
    "src/customers/contracts/{lack,spans,terms}.ts",
  ],
  // Stryker rewrites it with an interface of the compiler that TypeScript 7 has no more; the tests need none of it.
  tsconfigFile: "does-not-exist.json",
  reporters: ["clear-text", "progress-append-only", "json"],
  jsonReporter: { fileName: "reports/mutation.json" },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 90, low: 85, break: 85 },
  concurrency: 2,
  timeoutMS: 10_000,
  tempDirName: ".stryker-tmp",
  ignoreStatic: true,
};
