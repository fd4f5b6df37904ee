// Settings that whoever runs the simulator may or may not make; wrangler.toml does not know them, so `wrangler types`
// cannot write them.
interface __BaseEnv_Env {
  /** The seller's long-term credentials, where a test needs its own. */
  readonly SELLER_ACCESS_KEY_ID?: string;
  readonly SELLER_SECRET_ACCESS_KEY?: string;
}
