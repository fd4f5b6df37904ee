// Posts usage events with Node's fetch. A lost answer is no problem: the same id counts once, so it is sent again.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const { METERGATE_URL, METERGATE_KEY, CUSTOMER, DIMENSION } = process.env;
if (!METERGATE_URL || !METERGATE_KEY || !CUSTOMER || !DIMENSION) {
  throw new Error("Set METERGATE_URL, METERGATE_KEY, CUSTOMER and DIMENSION.");
}

/** Posts up to 1000 events; the same events again after anything that may pass. */
async function postUsage(events) {
  for (let attempt = 0; ; attempt += 1) {
    const answer = await post(events).catch(() => null); // no connection, a broken one, or no answer in time
    if (answer?.status === 202) return answer.text;
    if (answer !== null && answer.status !== 429 && answer.status < 500) {
      throw new Error(`Metergate refused the usage: ${answer.text}`);
    }
    if (attempt === 5) throw new Error("Metergate cannot be reached; keep the events, and post them later.");
    await sleep(500 * 2 ** attempt);
  }
}

async function post(events) {
  const response = await fetch(`${METERGATE_URL}/v1/usage`, {
    method: "POST",
    headers: { authorization: `Bearer ${METERGATE_KEY}`, "content-type": "application/json" },
    body: JSON.stringify(events),
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, text: await response.text() };
}

const event = {
  id: randomUUID(), // made once, where the usage happens, and kept for every retry
  customer: CUSTOMER,
  dimension: DIMENSION,
  quantity: "1.5", // a string keeps every decimal
  timestamp: new Date().toISOString(),
};
console.log(await postUsage([event]));
