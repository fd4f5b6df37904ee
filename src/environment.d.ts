// Secrets and settings that an operator may or may not have set; wrangler.toml does not know them, so
// `wrangler types` cannot write them.
interface __BaseEnv_Env {
  /** Opens the admin API. */
  readonly ADMIN_TOKEN?: string;
  readonly AWS_ACCESS_KEY_ID?: string;
  readonly AWS_SECRET_ACCESS_KEY?: string;
  readonly AWS_SESSION_TOKEN?: string;
  /** What registration codes are signed and registration tokens encrypted with: 32 characters or more. */
  readonly REGISTRATION_SECRET?: string;
  /** What EventBridge's API destination brings with its notices. */
  readonly EVENTS_SECRET?: string;
  /** Where alarms and what happens to agreements go. */
  readonly WEBHOOK_URL?: string;
  /** What they are signed with: `whsec_` and base64 (Standard Webhooks). */
  readonly WEBHOOK_SECRET?: string;
  /** Where the metering API is, instead of AWS: the simulator. AWS's SDKs know it by the same name. */
  readonly AWS_ENDPOINT_URL_MARKETPLACE_METERING?: string;
  /** Likewise the entitlement service, and what signs SNS messages. */
  readonly AWS_ENDPOINT_URL_MARKETPLACE_ENTITLEMENT_SERVICE?: string;
  readonly AWS_ENDPOINT_URL_SNS?: string;
}
