/**
 * What counts as one visitor: an IPv4 address, or the /64 that an IPv6 address is in. Whoever has an IPv6 connection has
 * that many addresses at least (RFC 4291, 2.5.4: an interface's id is 64 bits), and could use another for each form.
 */
export function visitorOf(address: string): string {
  const host = address.includes(":") ? URL.parse(`http://[${address}]/`)?.hostname : undefined;
  if (host === undefined) return address;
  const [before = "", after] = host.slice(1, -1).split("::");
  const [first, last] = [groupsOf(before), groupsOf(after ?? "")];
  const zeros = after === undefined ? [] : Array.from({ length: 8 - first.length - last.length }, () => "0");
  const network = [...first, ...zeros, ...last].slice(0, 4).join(":");
  // There all IPv4 addresses are, written as IPv6 ones: each is a visitor.
  return network === "0:0:0:0" ? host : network;
}

const groupsOf = (part: string): string[] => part.split(":").filter((group) => group !== "");
