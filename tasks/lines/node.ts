/**
 * The command line of `deno task node`.
 *
 * @module
 */
import { merge, object, or } from "@optique/core/constructs";
import type { InferValue } from "@optique/core/parser";
import { bySchema, on, value, values, verb, word } from "../../lib/cli/options.ts";
import type { Program } from "../../lib/cli/program.ts";
import { MAX_DNS, MAX_SITES, siteUrl } from "../../lib/documents/drive.ts";
import { isNodeName, RESERVED_NAMES } from "../../lib/documents/names.ts";
import { tagNameSchema } from "../../lib/documents/site.ts";
import {
  cidr,
  interfaceName,
  ipAddress,
  MAX_TIME_SERVERS,
  timeServer,
} from "../../lib/schema/fields.ts";
import { DEFAULT_CACHE } from "../../site/build/make_site.ts";

function nodeNameProblem(name: string): string | undefined {
  if (RESERVED_NAMES.includes(name)) return "it has another meaning";
  return isNodeName(name)
    ? undefined
    : "it must be 1 to 63 lower-case letters, digits and inner hyphens";
}

function siteProblem(url: string): string | undefined {
  return siteUrl(url) === undefined ? "it must be an http:// or https:// base URL" : undefined;
}

const json = on("json", "print JSON");

/** What makes an identity drive. */
const driveFields = {
  sites: values("site", "URL", "base URL of the site; several are tried in order", {
    min: 1,
    max: MAX_SITES,
    check: siteProblem,
  }),
  out: value("out", "FILE", "the drive's image, default build/nodes/NAME.img"),
  write: value(
    "write",
    "DEVICE",
    "write the drive to this device, e.g. /dev/sdb; all on it is lost",
  ),
  static: value("static", "CIDR", "address instead of DHCP, e.g. 192.0.2.10/24", {
    check: bySchema(cidr),
  }),
  gateway: value("gateway", "ADDRESS", "with --static: the default route", {
    check: bySchema(ipAddress),
  }),
  dns: values("dns", "ADDRESS", "with --static: a DNS server", {
    max: MAX_DNS,
    check: bySchema(ipAddress),
  }),
  interface: value("interface", "NAME", "with --static: which interface, default the first", {
    check: bySchema(interfaceName),
  }),
  ntp: values("ntp", "SERVER", "a time server for a machine without a clock, default the image's", {
    max: MAX_TIME_SERVERS,
    check: bySchema(timeServer),
  }),
};

/** What takes a key out of the fleet. */
const revokeFields = {
  rotate: on("rotate", "encrypt all secrets anew, and all instructions with the next build"),
  cache: value("cache", "DIR", "ciphertext of earlier builds", { default: DEFAULT_CACHE }),
  identity: value(
    "identity",
    "FILE",
    "your age identity, for --rotate and the node's seed; default DIR/admin.age of --keys",
  ),
};

const parser = merge(
  or(
    verb(
      "new",
      {
        name: word("NAME", { check: nodeNameProblem }),
        ...driveFields,
        tags: values("tag", "TAG", "a tag of the node, in the order they are merged", {
          check: bySchema(tagNameSchema),
        }),
        postQuantum: on("post-quantum", "an age key that also withstands quantum computers"),
        yes: on("yes", "with --write: ask nothing, take also a device that is not removable"),
        json,
      },
      "make a node: its file with the public halves of its keys, and its drive",
      `Writes DIR/NAME.yaml with the public halves of the keys; the private halves are on the drive only. With --write and
without --out no image is left on this machine.`,
    ),
    verb("list", { json }, "list the nodes"),
    verb("show", { name: word("NAME"), json }, "show one node"),
    verb(
      "revoke",
      {
        name: word("NAME"),
        ...revokeFields,
        out: driveFields.out,
        yes: on("yes", "ask nothing"),
        json,
      },
      "take a node out of the fleet",
      `Removes DIR/NAME.yaml. Publish then: the node's documents are gone from the site, and nothing new is for it. It keeps
what it has until somebody takes its drive away, so the secrets that it shared with others are listed: change these values
(deno task secret set). --rotate encrypts all secrets in the files and, with the next build, all nodes' instructions anew;
that alone takes nothing away from who knows the values.`,
    ),
    verb(
      "renew",
      {
        name: word("NAME"),
        ...driveFields,
        ...revokeFields,
        postQuantum: on("post-quantum", "also withstands quantum computers; else the kind is kept"),
        newSeed: on("new-seed", "give it another machine-id, hostid and the like, too"),
        yes: on("yes", "with --write: ask nothing, take also a device that is not removable"),
        json,
      },
      "give a node that stays new keys and a new drive",
      `Makes a new drive with new keys for a node that stays; its old keys are revoked. Its file keeps everything else, and its
drive the seed of the one before, so that its machine-id, hostid and the like stay: that needs your age identity.`,
    ),
  ),
  object({
    nodes: value("nodes", "DIR", "the fleet's YAML files", { default: "nodes" }),
    keys: value("keys", "DIR", "the keys that sign the site", { default: "keys" }),
  }),
);

/** What it says. */
export type NodeLine = InferValue<typeof parser>;

/** The program. */
export const program: Program<NodeLine> = {
  name: "deno task node",
  summary: "Make nodes with their identity drives, list them, revoke and renew them.",
  parser,
  notes: ["Network: none."],
};
