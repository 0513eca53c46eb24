/**
 * Hashes of passwords as they stand in shadow(5).
 *
 * @module
 */

/** Characters of a hash, by what its form is called. */
const FORMS: ReadonlyMap<string, number> = new Map([["5", 43], ["6", 86]]);
/** Rounds that musl, busybox and glibc all count alike. */
const MIN_ROUNDS = 1000, MAX_ROUNDS = 9_999_999;
const HOW = "`mkpasswd -m sha512` or `openssl passwd -6` makes one";

/**
 * What is wrong at the desk with the hash of a password: what a login on the node could not verify. musl, busybox and glibc
 * have SHA-512 and SHA-256 crypt in common; busybox knows neither yescrypt nor bcrypt, and the older ones are guessed fast.
 */
export function passwordHashProblem(given: string): string | undefined {
  const [empty, form = "", ...rest] = given.split("$");
  const length = FORMS.get(form);
  if (empty !== "" || length === undefined) {
    return `must be a hash of SHA-512 crypt ($6$…) or SHA-256 crypt ($5$…), which every login verifies: ${HOW}`;
  }
  const rounds = /^rounds=(\d{1,9})$/.exec(rest[0] ?? "");
  if (rounds) {
    const count = Number(rounds[1]);
    if (count < MIN_ROUNDS || count > MAX_ROUNDS) {
      return `must have ${MIN_ROUNDS} to ${MAX_ROUNDS} rounds`;
    }
    rest.shift();
  }
  const [salt = "", hash = "", ...more] = rest;
  const isWhole = /^[./0-9A-Za-z]{1,16}$/.test(salt) && /^[./0-9A-Za-z]*$/.test(hash) &&
    hash.length === length && more.length === 0;
  return isWhole ? undefined : `must be a whole hash, $${form}$salt$${length} characters: ${HOW}`;
}
