/**
 * The text of IP addresses and networks.
 *
 * @module
 */

/** 4 or 6 for the text of an address without a zone, undefined for anything else. */
export function ipFamily(given: string): 4 | 6 | undefined {
  const parts = given.split(".");
  const isByte = (part: string) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256;
  if (parts.length === 4 && parts.every(isByte)) return 4;
  // The URL parser knows all spellings of IPv6, and no zones.
  return /^[0-9a-fA-F:.]{2,45}$/.test(given) && URL.canParse(`http://[${given}]/`) ? 6 : undefined;
}

/** Whether `given` is an address and the length of a prefix of it; what is behind the prefix may be anything. */
export function isCidr(given: string): boolean {
  return splitCidr(given) !== undefined;
}

/** Whether `given` is a network: an address with the length of its prefix, and nothing but zeros behind that. */
export function isNetwork(given: string): boolean {
  const { address, length } = splitCidr(given) ?? {};
  return address !== undefined && !bitsOf(address).slice(length).includes("1");
}

function splitCidr(given: string): { address: string; length: number } | undefined {
  const [address = "", length = "", ...rest] = given.split("/");
  const family = ipFamily(address);
  if (family === undefined || rest.length > 0) return undefined;
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return undefined;
  return Number(length) <= (family === 4 ? 32 : 128)
    ? { address, length: Number(length) }
    : undefined;
}

/** The bits of an address, as text. */
function bitsOf(address: string): string {
  const bits = (numbers: readonly number[], width: number) =>
    numbers.map((number) => number.toString(2).padStart(width, "0")).join("");
  if (ipFamily(address) === 4) return bits(address.split(".").map(Number), 8);
  // Its one spelling has eight groups in hex, or "::" for a row of those that are zero.
  const spelled = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const [before = [], after = []] = spelled.split("::").map((half) =>
    half.split(":").filter(Boolean).map((group) => parseInt(group, 16))
  );
  const zeros = Array<number>(8 - before.length - after.length).fill(0);
  return bits([...before, ...zeros, ...after], 16);
}

/** 4 or 6 for an address with or without the length of its prefix; undefined for anything else. */
export function familyOfCidr(given: string): 4 | 6 | undefined {
  return ipFamily(given.split("/", 1)[0]!);
}

/** Whether `address` lies in the network of `cidr`, an address with the length of its prefix. */
export function isWithin(address: string, cidr: string): boolean {
  const { address: of, length } = splitCidr(cidr) ?? {};
  if (of === undefined || ipFamily(of) !== ipFamily(address)) return false;
  return bitsOf(of).slice(0, length) === bitsOf(address).slice(0, length);
}

/** The one spelling of an address, as the kernel shows it: IPv6 in lower case with its longest row of zeros left out. */
export function plainAddress(address: string): string {
  if (ipFamily(address) !== 6) return address;
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

/** An address with the length of its prefix, in the one spelling. */
export function plainCidr(given: string): string {
  const [address = "", length] = given.split("/");
  return length === undefined ? plainAddress(address) : `${plainAddress(address)}/${length}`;
}
