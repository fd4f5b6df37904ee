import type {
  Agreement,
  Call,
  Fault,
  Product,
  RecordFilter,
  RegistrationToken,
  State,
  StoredRecord,
} from "./state.ts";

const TABLES = [
  "CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
  "CREATE TABLE IF NOT EXISTS products (product_code TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
  `CREATE TABLE IF NOT EXISTS agreements (
     agreement_id TEXT PRIMARY KEY, product_code TEXT NOT NULL, account_id TEXT NOT NULL, license_arn TEXT NOT NULL,
     customer_identifier TEXT NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS agreements_license ON agreements (license_arn)",
  "CREATE INDEX IF NOT EXISTS agreements_account ON agreements (product_code, account_id)",
  "CREATE INDEX IF NOT EXISTS agreements_identifier ON agreements (product_code, customer_identifier)",
  "CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
  `CREATE TABLE IF NOT EXISTS records (
     seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, region TEXT NOT NULL, product_code TEXT NOT NULL,
     license_arn TEXT, account_id TEXT NOT NULL, dimension TEXT NOT NULL, body TEXT NOT NULL)`,
  "CREATE TABLE IF NOT EXISTS calls (seq INTEGER PRIMARY KEY, body TEXT NOT NULL)",
];

/** The state in a Durable Object's SQLite: what is looked up has a column, the rest is JSON. */
export class SqliteState implements State {
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#sql = storage.sql;
    for (const table of TABLES) this.#sql.exec(table);
  }

  get clockOffset(): number {
    return this.#setting<number>("clockOffset") ?? 0;
  }

  set clockOffset(milliseconds: number) {
    this.#set("clockOffset", milliseconds);
  }

  get faults(): readonly Fault[] {
    return this.#setting<Fault[]>("faults") ?? [];
  }

  set faults(faults: readonly Fault[]) {
    this.#set("faults", faults);
  }

  product(productCode: string): Product | null {
    return this.#one<Product>("SELECT body FROM products WHERE product_code = ?", productCode);
  }

  products(): Product[] {
    return this.#all<Product>("SELECT body FROM products ORDER BY product_code");
  }

  putProduct(product: Product): void {
    this.#sql.exec(
      "INSERT OR REPLACE INTO products VALUES (?, ?)",
      product.productCode,
      JSON.stringify(product),
    );
  }

  agreementById(agreementId: string): Agreement | null {
    return this.#one<Agreement>("SELECT body FROM agreements WHERE agreement_id = ?", agreementId);
  }

  agreementByLicense(licenseArn: string): Agreement | null {
    return this.#one<Agreement>("SELECT body FROM agreements WHERE license_arn = ?", licenseArn);
  }

  agreementsByCustomer(productCode: string, customer: string): Agreement[] {
    return this.#all<Agreement>(
      `SELECT body FROM agreements WHERE product_code = ?1 AND account_id = ?2
       UNION ALL SELECT body FROM agreements WHERE product_code = ?1 AND customer_identifier = ?2`,
      productCode,
      customer,
    );
  }

  agreements(): Agreement[] {
    return this.#all<Agreement>("SELECT body FROM agreements ORDER BY rowid");
  }

  putAgreement(agreement: Agreement): void {
    const { agreementId, productCode, accountId, licenseArn, customerIdentifier } = agreement;
    this.#sql.exec(
      "INSERT OR REPLACE INTO agreements VALUES (?, ?, ?, ?, ?, ?)",
      agreementId,
      productCode,
      accountId,
      licenseArn,
      customerIdentifier,
      JSON.stringify(agreement),
    );
  }

  token(token: string): RegistrationToken | null {
    return this.#one<RegistrationToken>("SELECT body FROM tokens WHERE token = ?", token);
  }

  putToken(token: RegistrationToken): void {
    this.#sql.exec("INSERT OR REPLACE INTO tokens VALUES (?, ?)", token.token, JSON.stringify(token));
  }

  record(key: string): StoredRecord | null {
    return this.#one<StoredRecord>("SELECT body FROM records WHERE key = ?", key);
  }

  records({ region, productCode, accountId, licenseArn, dimension }: RecordFilter): StoredRecord[] {
    return this.#all<StoredRecord>(
      `SELECT body FROM records
       WHERE (?1 IS NULL OR region = ?1) AND (?2 IS NULL OR product_code = ?2) AND (?3 IS NULL OR account_id = ?3)
         AND (?4 IS NULL OR license_arn = ?4) AND (?5 IS NULL OR dimension = ?5)
       ORDER BY seq`,
      region ?? null,
      productCode ?? null,
      accountId ?? null,
      licenseArn ?? null,
      dimension ?? null,
    );
  }

  putRecord(record: StoredRecord): void {
    const { key, region, productCode, licenseArn, accountId, dimension } = record;
    this.#sql.exec(
      "INSERT INTO records (key, region, product_code, license_arn, account_id, dimension, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
      key,
      region,
      productCode,
      licenseArn,
      accountId,
      dimension,
      JSON.stringify(record),
    );
  }

  calls(limit: number): Call[] {
    return this.#all<Call>("SELECT body FROM calls ORDER BY seq DESC LIMIT ?", limit).toReversed();
  }

  putCall(call: Call): void {
    this.#sql.exec("INSERT INTO calls (body) VALUES (?)", JSON.stringify(call));
  }

  reset(): void {
    for (const table of ["settings", "products", "agreements", "tokens", "records", "calls"]) {
      this.#sql.exec(`DELETE FROM ${table}`);
    }
  }

  #all<Body>(query: string, ...bindings: (string | number | null)[]): Body[] {
    return [...this.#sql.exec<{ body: string }>(query, ...bindings)].map(
      ({ body }) => JSON.parse(body) as Body,
    );
  }

  #one<Body>(query: string, ...bindings: (string | number | null)[]): Body | null {
    return this.#all<Body>(query, ...bindings)[0] ?? null;
  }

  #setting<Value>(key: string): Value | null {
    return this.#one<Value>("SELECT value AS body FROM settings WHERE key = ?", key);
  }

  #set(key: string, value: unknown): void {
    this.#sql.exec("INSERT OR REPLACE INTO settings VALUES (?, ?)", key, JSON.stringify(value));
  }
}
