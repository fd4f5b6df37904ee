/** What the simulated AWS knows: listings, agreements, credentials and the metering records in its books. */

export interface Product {
  readonly productCode: string;
  readonly dimensions: readonly string[];
  /** Sold with Concurrent Agreements: metered by LicenseArn, never by ProductCode. */
  readonly concurrentAgreements: boolean;
  /** The AWS account that published it: nobody else may resolve its customers or meter their usage. */
  readonly sellerAccountId: string;
  /** Where its usage may be reported; null for everywhere. */
  readonly regions: readonly string[] | null;
}

export const agreementStatuses = ["active", "pending", "suspended"] as const;

/** One entitlement of a contract, as GetEntitlements shows it. */
export interface Entitlement {
  readonly dimension: string;
  readonly value: number | boolean | string;
  /** Epoch milliseconds; null when it does not expire. */
  readonly expiresAt: number | null;
}

/** One customer's agreement to buy one product. Times are epoch milliseconds. */
export interface Agreement {
  readonly agreementId: string;
  readonly productCode: string;
  readonly accountId: string;
  readonly licenseArn: string;
  /** Empty for products with Concurrent Agreements, as ResolveCustomer returns it. */
  readonly customerIdentifier: string;
  /** `pending` until AWS has activated it, `suspended` while the customer's account is. */
  readonly status: (typeof agreementStatuses)[number];
  readonly startsAt: number;
  /** The end that was agreed on; null for usage-based agreements. */
  readonly endsAt: number | null;
  /** "Purchase Agreement Ended". */
  readonly endedAt: number | null;
  /** "License Deprovisioned". */
  readonly deprovisionedAt: number | null;
  readonly entitlements: readonly Entitlement[];
  readonly createdAt: number;
}

/** What a customer's browser brings to the seller's registration page. */
export interface RegistrationToken {
  readonly agreementId: string;
  readonly issuedAt: number;
  readonly used: boolean;
}

/** Credentials that STS gave out. */
export interface Session {
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly accountId: string;
  readonly expiresAt: number;
}

/** A role and whom it trusts. */
export interface Role {
  readonly roleArn: string;
  readonly externalId: string | null;
  readonly webIdentity: {
    readonly issuer: string;
    readonly subject: string | null;
    readonly audience: string | null;
    /** The provider's public keys; none to take its tokens unchecked. */
    readonly keys: readonly JsonWebKey[];
  } | null;
  readonly maxSessionSeconds: number;
}

export interface Allocation {
  readonly quantity: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** One record in AWS's books: it is billed. */
export interface MeteringRecord {
  readonly region: string;
  readonly operation: "BatchMeterUsage" | "MeterUsage";
  readonly productCode: string;
  /** Null when it was metered by ProductCode. */
  readonly licenseArn: string | null;
  readonly accountId: string;
  readonly customerIdentifier: string;
  readonly dimension: string;
  readonly timestamp: string;
  readonly hour: string;
  readonly quantity: number;
  readonly allocations: readonly Allocation[];
  readonly meteringRecordId: string;
  readonly receivedAt: string;
}

/** One call that reached the endpoint. */
export interface Call {
  readonly operation: string;
  readonly time: string;
  readonly status: number;
  /** AWS's name of the error; `html-503` and `dropped` where AWS itself did not answer. */
  readonly error: string | null;
  readonly records: number;
  readonly requestId: string;
  readonly region: string | null;
  readonly accessKeyId: string | null;
}
