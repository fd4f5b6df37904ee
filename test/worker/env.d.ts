// What vitest.config.ts binds for the tests only.
interface __BaseEnv_Env {
  readonly TEST_MIGRATIONS: { name: string; queries: string[] }[];
}
