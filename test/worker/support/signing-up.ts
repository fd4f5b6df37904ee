import { admin, call, json } from "./gateway.ts";
import { arrive, aws, newListing, notify } from "./marketplace.ts";
import { agreementOf, locationOf } from "./registering.ts";
import { ago, DAY } from "./times.ts";

/** What a customer does at the gateway's own sign-up page, and what the operator sees of it. */

interface Contact {
  email: string;
  name: string | null;
  company: string | null;
}

/** A customer who has arrived at the gateway's own page. */
export async function newVisitor(settings: object = {}) {
  const listing = await newListing();
  await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl: null, ...settings });
  const names = await aws.agreement(listing.id);
  await notify(names.agreementId, "license-updated", { at: ago(DAY) });
  const arrival = await arrive(names.registrationToken);
  const { id } = await agreementOf(listing.id);
  return { listing, names, id, arrival, page: locationOf(arrival) };
}

export const submit = (page: string, fields: Record<string, string>): Promise<Response> =>
  call("POST", page, {
    body: new URLSearchParams(fields).toString(),
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });

export const textOf = async (page: string): Promise<string> => (await call("GET", page)).text();

export const contactOf = async (accountId: string): Promise<Contact | null> =>
  (await json<{ agreements: { contact: Contact | null }[] }>(admin("GET", `/v1/customers/${accountId}`)))
    .agreements[0]?.contact ?? null;

export const alice = { email: "alice@example.com", name: "Alice Ämmerli", company: "Ämmerli & Söhne" };
