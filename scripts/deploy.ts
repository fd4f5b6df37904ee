import { spawn } from "node:child_process";
import { repository, wranglerPath } from "./local/worker.ts";

// `npm run deploy`: puts the gateway on Cloudflare, and puts a new version there later. The order matters: the ledger
// must be there, with its tables, before the Worker that writes to it.

const DATABASE = "metergate-ledger";

/** The secrets of a deployment, and what each is for. */
const secrets = {
  ADMIN_TOKEN: "opens the admin API; choose a long random one, for example from `openssl rand -base64 32`",
  AWS_ACCESS_KEY_ID:
    "of an IAM user in the account that published the product, allowed aws-marketplace:BatchMeterUsage, aws-marketplace:ResolveCustomer and, for products with contracts, aws-marketplace:GetEntitlements",
  AWS_SECRET_ACCESS_KEY: "its secret",
  REGISTRATION_SECRET:
    "what registration codes are signed with, 32 characters or more: `openssl rand -base64 32`",
  EVENTS_SECRET: "what EventBridge brings with AWS's notices; choose another long random one",
};

/** Wrangler by another name is for the tests: nothing here reaches Cloudflare then. */
const wrangler = process.env["METERGATE_WRANGLER"] ?? wranglerPath;

interface Finished {
  readonly code: number;
  readonly output: string;
}

/** Runs wrangler. Its output is shown as it comes, unless it is read. */
function run(args: readonly string[], options: { readonly read: boolean }): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [wrangler, ...args], {
      cwd: repository,
      stdio: ["inherit", options.read ? "pipe" : "inherit", "inherit"],
    });
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

async function step(title: string, args: readonly string[]): Promise<void> {
  console.log(`\n== ${title}\n   wrangler ${args.join(" ")}`);
  const { code } = await run(args, { read: false });
  if (code !== 0)
    throw new Error(
      `${title}: wrangler ended with ${code}. Nothing after this step was done; run \`npm run deploy\` again.`,
    );
}

/** JSON that wrangler printed; null when it failed, which it has said itself. */
async function ask(args: readonly string[]): Promise<unknown> {
  const { code, output } = await run(args, { read: true });
  return code === 0 ? (JSON.parse(output) as unknown) : null;
}

const names = (list: unknown): string[] => (list as { name: string }[]).map(({ name }) => name);

async function deploy(extra: readonly string[]): Promise<void> {
  const databases = await ask(["d1", "list", "--json"]);
  if (databases === null)
    throw new Error(
      "Cloudflare did not list your databases. Run `npx wrangler login` first, or set CLOUDFLARE_API_TOKEN.",
    );
  if (!names(databases).includes(DATABASE)) {
    await step("Creating the ledger", ["d1", "create", DATABASE, "--update-config=false"]);
  }
  await step("Applying the migrations", ["d1", "migrations", "apply", "DB", "--remote"]);
  await step("Deploying the gateway", ["deploy", ...extra]);
  await sayWhatIsNext();
}

async function sayWhatIsNext(): Promise<void> {
  const set = await ask(["secret", "list", "--format", "json"]);
  const missing = Object.entries(secrets).filter(([name]) => set === null || !names(set).includes(name));
  console.log("\nMetergate is deployed.");
  if (missing.length > 0) {
    console.log("\nSet what it needs (each command asks for the value):\n");
    for (const [name, purpose] of missing) console.log(`  npx wrangler secret put ${name}\n      ${purpose}`);
  }
  console.log(`
Then, with the address that wrangler printed:

  1. Add your product:      POST /v1/products  (product code, Region, dimensions, your sign-up address if you have one)
  2. Make an ingest key:    POST /v1/keys
  3. On AWS Marketplace, set the product's fulfillment URL to  https://<address>/register
  4. Have EventBridge send AWS Marketplace's events to  https://<address>/aws/events  (docs/customers.md)
`);
}

try {
  const extra = process.argv.slice(2);
  // A dry run bundles and checks the configuration; it needs no account.
  if (extra.includes("--dry-run")) await step("Checking what would be deployed", ["deploy", ...extra]);
  else await deploy(extra);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
