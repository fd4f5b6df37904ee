import type { Agreement, MeteringRecord } from "../local/clients.ts";
import type { Stack } from "../local/stack.ts";
import { expectOk } from "../local/clients.ts";
import { readBooks, readRecords, type Books, type Shop } from "./books.ts";
import { closingTable } from "./closing-table.ts";
import { compareAnswers, compareBooks } from "./comparison.ts";
import type { Display } from "./display.ts";
import { emptyTally, postAll, type Posting, type Tally } from "./producers.ts";
import { seededRandom } from "./random.ts";
import { customerName, listing, listProduct, makeIngestKey, welcomeCustomer } from "./setting-up.ts";
import { waitFor } from "./wait.ts";
import {
  dimensions,
  expectationOf,
  planLateUsage,
  planUsage,
  type Batch,
  type Producer,
} from "./workload.ts";

const HOUR = 3_600_000;
const DELIVERY_SECONDS = 60;
const LATE_EVENTS_EACH = 40;

export interface TourOptions {
  readonly stack: Stack;
  readonly adminToken: string;
  readonly seed: number;
  readonly display: Display;
}

/**
 * The way of a unit of usage, from the customer who buys to the record that AWS holds.
 *
 * @returns a sentence for each difference between the books; none when all agree
 */
export async function tour({ stack, adminToken, seed, display }: TourOptions): Promise<string[]> {
  const shop: Shop = { stack, adminToken, product: listing.id, productCode: listing.productCode };
  const tally = emptyTally();

  display.step("A product is listed on AWS Marketplace");
  await listProduct(shop, display);

  display.step("A customer arrives through the registration redirect");
  const agreement = await welcomeCustomer(shop, display);

  const producers = producersOf(agreement);
  const hours = endedHours(Date.now());
  const plan = { random: seededRandom(seed), producers, hours };
  const posting = { gateway: stack.gateway.url, ingestKey: await makeIngestKey(shop), tally };

  display.step(`${producers.length} producers post usage of the last ${hours.length} hours, all at once`);
  await loseAnAnswer(shop);
  const usage = planUsage(plan);
  await postUsage(posting, usage, display);

  display.step("The hours are sealed and delivered; AWS's first answer gets lost");
  await awaitDelivery(shop, hours, display);

  display.step("More usage comes for hours that AWS has already been told of");
  const lateUsage = planLateUsage(plan, LATE_EVENTS_EACH);
  const lateBefore = tally.late;
  await postAll({ ...posting, onProgress: () => undefined }, lateUsage);
  const late = tally.late - lateBefore;
  const lateExpected = lateUsage.flat(2).length;
  display.line(`${late} events joined the open hour: a record never changes once it is sealed`);

  display.step("The books are closed and compared");
  const books = await closedBooks(shop);
  display.line(`AWS holds ${books.aws.records} records, ${books.aws.allocations} tag allocations in them`);
  display.blank();
  for (const line of closingTable(books, tally.acknowledged).split("\n")) display.line(line);
  return [
    ...compareAnswers(expectationOf([...usage, ...lateUsage].flat()), tally),
    ...(late === lateExpected ? [] : [`${lateExpected} events came late, but ${late} were told so.`]),
    ...compareBooks(books, tally.acknowledged),
  ];
}

/** Each calls the customer by another of its names. */
const producersOf = ({ accountId, licenseArn }: Agreement): Producer[] => [
  { name: "web", customer: customerName },
  { name: "batch", customer: accountId ?? customerName },
  { name: "edge", customer: licenseArn ?? customerName },
];

/** The last hours that have ended, newest first: few enough to be accepted on the first of a month, too. */
function endedHours(now: number): [number, ...number[]] {
  const last = Math.floor(now / HOUR) * HOUR - HOUR;
  return [last, last - HOUR, last - 2 * HOUR, last - 3 * HOUR];
}

/** Has AWS store the first call and then fail: the gateway cannot know, and must not bill twice. */
async function loseAnAnswer({ stack }: Shop): Promise<void> {
  const faults = [{ kind: "internal-error-after-store", operation: "BatchMeterUsage", times: 1 }];
  await expectOk("POST", `${stack.simulator.url}/_simulator/faults`, { body: { faults } });
}

async function postUsage(
  posting: Omit<Posting, "onProgress">,
  usage: readonly (readonly Batch[])[],
  display: Display,
): Promise<void> {
  const total = usage.flat(2).length;
  const started = Date.now();
  const onProgress = ({ events }: Tally): void => display.progress(events, total, "events answered");
  await postAll({ ...posting, onProgress }, usage);
  const { accepted, duplicates, refusals } = posting.tally;
  const refused = [...refusals].map(([code, count]) => `${count} ${code}`).toSorted();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  display.line(`${total} events in ${usage.flat().length} requests, in ${seconds} s`);
  const count = (value: number): string => String(value).padStart(5);
  display.line(`accepted    ${count(accepted)}`);
  display.line(`duplicates  ${count(duplicates)}   an id counts once, whoever sends it again`);
  display.line(`refused     ${count(total - accepted - duplicates)}   ${refused.join(", ")}`);
}

/** Waits until every hour of every dimension has its record with AWS. */
async function awaitDelivery(shop: Shop, hours: readonly number[], display: Display): Promise<void> {
  let records: readonly MeteringRecord[] = [];
  const total = hours.length * dimensions.length;
  const isDelivered = ({ hour, state }: MeteringRecord): boolean =>
    state === "delivered" && hours.includes(Date.parse(hour));
  await waitFor({
    seconds: DELIVERY_SECONDS,
    look: async () => {
      records = await readRecords(shop);
      const done = records.filter(isDelivered).length;
      display.progress(done, total, "records delivered");
      return done >= total ? done : null;
    },
    orElse: () => {
      const others = records
        .filter((record) => !isDelivered(record))
        .map(({ id, state }) => `${id} is ${state}`);
      return `${total} records should be delivered, but of ${records.length} sealed: ${others.join(", ") || "none is missing"}`;
    },
  });
  const resent = records.filter(({ attempts }) => attempts > 1).length;
  if (resent === 0) throw new Error("AWS's first answer was to be lost, but no record was sent again");
  display.line(`all delivered; ${resent} were sent again, with the same bytes, and AWS billed them once`);
}

function closedBooks(shop: Shop): Promise<Books> {
  return waitFor({
    seconds: DELIVERY_SECONDS,
    look: () => readBooks(shop),
    orElse: () => "usage is still on its way to AWS",
  });
}
