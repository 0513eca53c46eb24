/**
 * The command line of `deno task site`.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { constant } from "@optique/core/primitives";
import { number, on, orElse, value, verb } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { MAX_VALIDITY_DAYS } from "../../lib/trust/freshness.ts";
import { DEFAULT_CACHE, DEFAULT_EXPIRES_HOURS } from "../../site/build/make_site.ts";

const DEFAULT_PORT = 8000;

const expiresHours = number(
  "expires-hours",
  { from: 1, to: MAX_VALIDITY_DAYS * 24 },
  "hours until nodes refuse it as outdated",
  { default: DEFAULT_EXPIRES_HOURS },
);

/** Of the verbs that sign. */
const signing = {
  keys: value("keys", "DIR", "the keys that sign", { default: "keys" }),
  json: on("json", "print what was done as JSON"),
};

const buildFields = {
  nodes: value("nodes", "DIR", "the fleet's YAML files", { default: "nodes" }),
  ...signing,
  identity: value(
    "identity",
    "FILE",
    "age identity that decrypts the secrets in the YAML files, default DIR/admin.age of --keys",
  ),
  cache: value("cache", "DIR", "ciphertext of earlier builds", { default: DEFAULT_CACHE }),
  releases: value(
    "releases",
    "DIR",
    "images to release, as deno task image leaves them, e.g. dist; default only what the site has",
  ),
  serial: number(
    "serial",
    { from: 1 },
    "serial of this publication, default seconds since 1970 or previous + 1",
  ),
  expiresHours,
  migrate: on(
    "migrate",
    "first rewrite, in the YAML files, what earlier versions wrote otherwise; comments stay",
  ),
};

const common = object({ out: value("out", "DIR", "the site", { default: "public" }) });

const buildAnyway = object({ verb: constant("build"), ...buildFields });

const parser = merge(
  orElse(
    or(
      verb("build", buildFields, "build the site; so does no verb"),
      verb(
        "refresh",
        { expiresHours, ...signing },
        "sign timestamp.json anew, so that the site does not expire",
        `Signs only timestamp.json anew, so that the site does not expire: same serial, nothing to apply for nodes. It needs no
YAML and no key but keys/timestamp.seckey (keys init --own timestamp), so a machine that can do no more can run it daily. A
publication can be kept current for 366 days, then it must be built anew.`,
      ),
      verb(
        "serve",
        {
          port: number("port", { to: 65535 }, "port on 127.0.0.1, 0 for any", {
            default: DEFAULT_PORT,
          }),
        },
        "serve the site on this machine for a look",
      ),
      buildAnyway,
    ),
    buildAnyway,
  ),
  common,
);

/** What it says. */
export type SiteLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<SiteLine> = {
  name: "deno task site",
  summary: "Build the signed site, with each node's instructions encrypted to that node.",
  parser,
  notes: [
    `Order: global.yaml < tags/<tag>.yaml in the order the node lists them < <node>.yaml; mappings merge, null takes away,
lists replace (and are warned of). Only config goes to the public documents; private is merged over it and leaves this
machine encrypted. !age values are
decrypted in memory with --identity, else PSYOPSOS_AGE_IDENTITY (a path), else DIR/admin.age of --keys.`,
    `os-update.yaml in the nodes' folder says which channel gets which release, when; without it there is the channel
stable with the newest one. Files of a release are signed once and stay; to withdraw one remove its folder.`,
    "The passphrase comes from .minisign-pass-secret (by gpg), else PSYOPSOS_MINISIGN_PASSPHRASE, else a prompt.",
    "Network: none for build and refresh; serve listens on 127.0.0.1 only.",
  ],
};
