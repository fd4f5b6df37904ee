/** What to do about an error. The same for everyone who meets it. */
export type Advice =
  /** Send the same bytes again, later: AWS de-duplicates them. */
  | "retry"
  /** What was sent is wrong. AWS refuses a batch whole, so other records of it may be innocent. */
  | "fix-record"
  /** Credentials, permissions, Region, endpoint, product: no request succeeds until a person changes one. */
  | "fix-setting"
  /** Only the customer can mend it. */
  | "tell-customer";

/** May AWS hold what the request carried? "no" is said only where AWS, or we before sending, refused all of it. */
export type Held = "no" | "unknown";

interface KindFacts {
  readonly advice: Advice;
  readonly held: Held;
  /** One sentence or two to the operator: what to do. */
  readonly remedy: string;
}

const retryRemedy = "Send the same request again later; AWS de-duplicates it.";
const metersInside =
  "The call must be signed inside the customer's AWS account, in the Region where the software runs.";

/**
 * Everything that can go wrong, once. The first block is the model of AWS Marketplace Metering Service (2016-01-14),
 * the second that of the entitlement service (2017-01-11) and of STS (2011-06-15), the third AWS's "Common Errors"
 * page with the signature errors that every service shares, the last what happens outside AWS.
 */
export const errorKinds = {
  "customer-not-entitled": {
    advice: "tell-customer",
    held: "no",
    remedy: "The customer's AWS account holds no valid subscription to the product: it must subscribe.",
  },
  "disabled-api": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "AWS does not offer this operation to this product in this Region. Ask AWS Marketplace to enable it there; never send the same usage to two Regions.",
  },
  "duplicate-request": {
    advice: "fix-record",
    held: "no",
    remedy: "AWS already holds another quantity for this hour and dimension, and keeps it. Compare the two.",
  },
  "expired-registration-token": {
    advice: "tell-customer",
    held: "no",
    remedy: 'Ask the customer to press "Set up your account" on AWS Marketplace again: the link has expired.',
  },
  "idempotency-conflict": {
    advice: "fix-record",
    held: "no",
    remedy:
      "This ClientToken was already used with other parameters: give the new request a token of its own.",
  },
  "internal-service-error": { advice: "retry", held: "unknown", remedy: retryRemedy },
  "invalid-customer-identifier": {
    advice: "fix-record",
    held: "no",
    remedy: "AWS knows no such customer. Compare the customer's id with what ResolveCustomer answered.",
  },
  "invalid-endpoint-region": { advice: "fix-setting", held: "no", remedy: metersInside },
  "invalid-license": {
    advice: "fix-record",
    held: "no",
    remedy:
      "The licence is unknown, belongs to another customer or product, or was not active at the record's time. Compare the LicenseArn and the agreement's dates.",
  },
  "invalid-product-code": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "AWS knows no such product code for this account. Use the product code of the listing, not its prod- id.",
  },
  "invalid-public-key-version": {
    advice: "fix-setting",
    held: "no",
    remedy: "Use a public key version that AWS Marketplace gave for this product.",
  },
  "invalid-region": { advice: "fix-setting", held: "no", remedy: metersInside },
  "invalid-registration-token": {
    advice: "tell-customer",
    held: "no",
    remedy:
      'Ask the customer to press "Set up your account" on AWS Marketplace again. If that never helps, check that the form value is decoded exactly once and that the credentials belong to the account that published the product.',
  },
  "invalid-tag": {
    advice: "fix-record",
    held: "no",
    remedy: "A tag breaks AWS's rules, or there are more than five.",
  },
  "invalid-usage-allocations": {
    advice: "fix-record",
    held: "no",
    remedy: "The allocations must add up to the quantity, each with a tag set of its own.",
  },
  "invalid-usage-dimension": {
    advice: "fix-record",
    held: "no",
    remedy:
      "The product has no such dimension. Its name must be written as in the listing, letter case included.",
  },
  "platform-not-supported": {
    advice: "fix-setting",
    held: "no",
    remedy: "AWS offers RegisterUsage only on Amazon ECS, EKS and Fargate.",
  },
  throttled: {
    advice: "retry",
    held: "no",
    remedy: "Too many calls for this account and Region: wait, then send again.",
  },
  "timestamp-out-of-bounds": {
    advice: "fix-record",
    held: "no",
    remedy:
      "A timestamp is too old, in the future, or before the customer's usage began. AWS refuses the whole batch for one such record.",
  },

  "invalid-parameter": { advice: "fix-setting", held: "no", remedy: "A parameter of the request is wrong." },
  "expired-identity-token": {
    advice: "retry",
    held: "no",
    remedy: "The web identity token has expired: the next call asks for a new one.",
  },
  "identity-provider-rejected": {
    advice: "fix-setting",
    held: "no",
    remedy: "The identity provider in IAM does not accept the token's issuer, audience or subject.",
  },
  "identity-provider-unreachable": {
    advice: "retry",
    held: "no",
    remedy: "AWS could not reach the identity provider's keys: check that its address answers.",
  },
  "invalid-identity-token": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "AWS cannot validate the web identity token: check its signature, its issuer and the provider in IAM.",
  },
  "invalid-session-policy": {
    advice: "fix-setting",
    held: "no",
    remedy: "Correct the session policy, or leave it out.",
  },
  "region-disabled": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "STS is not activated in this Region for this account: activate it in IAM, or use another STS Region.",
  },

  "access-denied": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "The credentials may not do this: allow the action (aws-marketplace:… on Resource *, or sts:AssumeRole in the role's trust policy), in the account that published the product.",
  },
  "expired-credentials": {
    advice: "fix-setting",
    held: "no",
    remedy: "The AWS session has expired: supply new credentials.",
  },
  "unknown-credentials": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "AWS does not know the access key id or the session token: check that the key exists and is active.",
  },
  "missing-credentials": {
    advice: "fix-setting",
    held: "no",
    remedy: "The request reached AWS unsigned: set credentials.",
  },
  "invalid-signature": {
    advice: "fix-setting",
    held: "no",
    remedy:
      "The signature does not match: check the secret access key and the Region, and that no proxy changes the request.",
  },
  "clock-skew": {
    advice: "fix-setting",
    held: "no",
    remedy: "The request's date is too far from AWS's clock: set this machine's clock.",
  },
  "opt-in-required": {
    advice: "fix-setting",
    held: "no",
    remedy: "The AWS account is not activated for this service or Region.",
  },
  "service-unavailable": { advice: "retry", held: "unknown", remedy: retryRemedy },
  "internal-failure": { advice: "retry", held: "unknown", remedy: retryRemedy },
  "request-interrupted": { advice: "retry", held: "unknown", remedy: retryRemedy },
  "validation-failed": {
    advice: "fix-record",
    held: "no",
    remedy: "The request breaks AWS's model of it. This module should have refused it: please report it.",
  },
  "request-too-large": {
    advice: "fix-record",
    held: "no",
    remedy: "Send fewer records, or fewer allocations, at a time.",
  },
  "unknown-operation": {
    advice: "fix-setting",
    held: "no",
    remedy: "The endpoint does not know this operation: check the endpoint and the Region.",
  },
  /** A name that this module has never heard of: nothing is concluded from it. */
  "unknown-error": {
    advice: "retry",
    held: "unknown",
    remedy:
      "This error is new to us. Sending the same request again is safe; if it stays, a person must look.",
  },

  "network-failure": { advice: "retry", held: "unknown", remedy: retryRemedy },
  timeout: { advice: "retry", held: "unknown", remedy: retryRemedy },
  "unreadable-answer": {
    advice: "retry",
    held: "unknown",
    remedy: "Something other than AWS seems to have answered. " + retryRemedy,
  },
  "invalid-request": { advice: "fix-record", held: "no", remedy: "Nothing was sent." },
  "invalid-endpoint": {
    advice: "fix-setting",
    held: "no",
    remedy: "Nothing was sent. Correct the Region or the endpoint.",
  },
  "credentials-unavailable": {
    advice: "fix-setting",
    held: "no",
    remedy: "Nothing was sent. Set the credentials, or mend what supplies them.",
  },
} as const satisfies Record<string, KindFacts>;

/** The name of one way to fail; {@link errorKinds} lists all of them. */
export type ErrorKind = keyof typeof errorKinds;
