/** What the simulated AWS keeps. All times are epoch milliseconds. */

/** A listing of the seller's. */
export interface Product {
  readonly productCode: string;
  readonly dimensions: readonly string[];
  /** Whether its records must carry LicenseArn and must not come with ProductCode. */
  readonly concurrentAgreements: boolean;
}

/** One agreement of a customer, with the licence that stands for it. */
export interface Agreement {
  readonly agreementId: string;
  readonly productCode: string;
  readonly accountId: string;
  readonly licenseArn: string;
  /** Empty for products with concurrent agreements. */
  readonly customerIdentifier: string;
  readonly startsAt: number;
  /** Null while it has no end. */
  readonly endsAt: number | null;
}

/** A registration token, as "Set up your account" posts it. */
export interface RegistrationToken {
  readonly token: string;
  readonly agreementId: string;
  readonly issuedAt: number;
}

/** A metering record that AWS has accepted. It is never changed. */
export interface StoredRecord {
  /** What no two records share: Region, customer, dimension and hour. */
  readonly key: string;
  readonly region: string;
  readonly productCode: string;
  readonly licenseArn: string | null;
  readonly accountId: string;
  readonly customerIdentifier: string | null;
  readonly dimension: string;
  readonly timestamp: number;
  readonly quantity: number;
  readonly allocations: readonly unknown[] | null;
  readonly meteringRecordId: string;
  readonly receivedAt: number;
}

/** One call of an AWS operation, whatever became of it. */
export interface Call {
  readonly operation: string;
  readonly time: number;
  readonly status: number;
  /** AWS's error name; null for a success. */
  readonly error: string | null;
  /** Records that the call carried. */
  readonly records: number;
  readonly requestId: string;
  readonly region: string;
}

export const faultKinds = [
  "throttle",
  "internal-error",
  "internal-error-after-store",
  "drop-connection",
  "drop-connection-after-store",
  "unprocessed",
  "html-503",
  "unknown-status",
  "shuffle",
  "latency",
] as const;

/** Something that goes wrong with the calls to come. */
export interface Fault {
  readonly kind: (typeof faultKinds)[number];
  /** Null for every operation. */
  readonly operation: string | null;
  /** How many calls it will still meet; null for all until it is taken away. */
  readonly times: number | null;
  /** For `latency`. */
  readonly milliseconds: number;
  /** For `unprocessed`: how many records of the call. */
  readonly records: number;
}

export interface RecordFilter {
  readonly region?: string | undefined;
  readonly productCode?: string | undefined;
  readonly accountId?: string | undefined;
  readonly licenseArn?: string | undefined;
  readonly dimension?: string | undefined;
}

/** Where the simulated AWS keeps its state: SQLite in the Worker, memory in a process of its own. */
export interface State {
  clockOffset: number;
  faults: readonly Fault[];
  product(productCode: string): Product | null;
  products(): Product[];
  putProduct(product: Product): void;
  agreementById(agreementId: string): Agreement | null;
  agreementByLicense(licenseArn: string): Agreement | null;
  /** Agreements of a product by account id or legacy customer identifier. */
  agreementsByCustomer(productCode: string, customer: string): Agreement[];
  agreements(): Agreement[];
  putAgreement(agreement: Agreement): void;
  token(token: string): RegistrationToken | null;
  putToken(token: RegistrationToken): void;
  record(key: string): StoredRecord | null;
  records(filter: RecordFilter): StoredRecord[];
  putRecord(record: StoredRecord): void;
  calls(limit: number): Call[];
  putCall(call: Call): void;
  reset(): void;
}
