/**
 * Debian versions as apk versions: the epoch goes, patch levels become suffixes, and the Debian
 * revision becomes one number that grows with every Debian update.
 *
 * @module
 */
import { UserError } from "../errors.ts";

/** What apk accepts of an upstream version. */
const UPSTREAM = /^[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*$/;
/** Each part of a Debian revision gets two decimal digits, so parts below 100 keep their order. */
const STEP = 100;

/**
 * E.g. "1:9.2p1-2+deb12u10" gives "9.2_p1-r2001000": revision 2.0, update 10, rebuild 0.
 * @throws {UserError} for a version that has no apk form.
 */
export function apkVersion(debian: string): string {
  // A native package has no revision, but may have updates.
  const plain = debian.replace(/^[0-9]+:/, "").replace(/^([^-~+]+)([~+]deb[^-]*)$/, "$1-0$2");
  const dash = plain.lastIndexOf("-");
  const upstream = (dash < 0 ? plain : plain.slice(0, dash))
    .replace(/[.+~](dfsg|ds|really).*$/, "")
    .replace(/[+-]([0-9]{8})$/, "_p$1")
    .replace(/~([0-9]{8})$/, "_pre$1")
    .replace(/~(alpha|beta|pre|rc)/, "_$1")
    .replace(/([0-9])p([0-9]+)$/, "$1_p$2")
    .replace(/\.([a-z])$/, "$1");
  const revision = dash < 0 ? "0" : plain.slice(dash + 1);
  const [, major, minor] = /^([0-9]+)(?:\.([0-9]+))?/.exec(revision) ?? [];
  if (!UPSTREAM.test(upstream) || major === undefined) {
    throw new UserError(`use Debian version ${debian}`, "it has no apk form");
  }
  const update = Number(/deb[0-9]+u([0-9]+)/.exec(revision)?.[1] ?? 0);
  const rebuild = Number(/\+b([0-9]+)/.exec(revision)?.[1] ?? 0);
  const parts = [Number(major), Number(minor ?? 0), update, rebuild];
  return `${upstream}-r${parts.reduce((sum, part) => sum * STEP + part)}`;
}
