import type { Fault } from "./faults.ts";
import type { Agreement, Call, MeteringRecord, Product, RegistrationToken, Role, Session } from "./model.ts";
import type { ClockSetting } from "./clock.ts";
import type { Switches } from "./switches.ts";

/** What is kept under a key, by kind. */
export interface DocumentTypes {
  product: Product;
  agreement: Agreement;
  /** LicenseArn to agreement. */
  license: string;
  /** `productCode/accountId/agreementId` to agreement: the agreements of a product, and of one account in it. */
  subscription: string;
  /** Legacy CustomerIdentifier to agreement. */
  customer: string;
  token: RegistrationToken;
  session: Session;
  role: Role;
  /** MeterUsage's ClientToken to what it was first sent with. */
  clientToken: { readonly request: string; readonly meteringRecordId: string };
  signingKey: JsonWebKey;
  /** The token of a SubscriptionConfirmation to its topic's ARN. */
  snsToken: string;
  /** A topic's ARN to the subscription that the seller has confirmed. */
  snsSubscription: { readonly subscriptionArn: string; readonly confirmedAt: number };
  clock: ClockSetting;
  switches: Switches;
  faults: readonly Fault[];
}

export type DocumentKind = keyof DocumentTypes;

export interface ListOptions {
  readonly prefix?: string;
  /** Only keys after this one. */
  readonly after?: string;
  readonly limit: number;
}

export interface RecordFilter {
  readonly region?: string;
  readonly productCode?: string;
  readonly accountId?: string;
  readonly licenseArn?: string;
  readonly dimension?: string;
}

export interface Numbered<T> {
  readonly sequence: number;
  readonly value: T;
}

/** Entries after a sequence number, oldest first; or without one the newest, still oldest first. */
export interface PageOptions {
  readonly after?: number;
  readonly limit: number;
}

/**
 * Where the simulated AWS keeps everything: SQLite in its Durable Object, or plain memory. Values are never changed in
 * place. All of it is synchronous, so that one call is judged and booked in one step.
 */
export interface Store {
  get<K extends DocumentKind>(kind: K, key: string): DocumentTypes[K] | undefined;
  put<K extends DocumentKind>(kind: K, key: string, value: DocumentTypes[K]): void;
  remove(kind: DocumentKind, key: string): void;
  /** In the order of their keys. */
  list<K extends DocumentKind>(kind: K, options: ListOptions): { key: string; value: DocumentTypes[K] }[];

  /** @param bookKey the identity by which AWS de-duplicates */
  findRecord(bookKey: string): MeteringRecord | undefined;
  addRecord(bookKey: string, record: MeteringRecord): void;
  records(filter: RecordFilter, page: PageOptions): Numbered<MeteringRecord>[];

  addCall(call: Call): void;
  calls(page: PageOptions): Numbered<Call>[];

  /** How many records and calls there are or were, and agreements and products. */
  counts(): { products: number; agreements: number; records: number; calls: number };
  clear(): void;
}
