import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { type OsUpdate, parseOsUpdate, rolloutPosition } from "../../../lib/documents/os_update.ts";

const SHA = "a".repeat(64);
const file = (version: string, kind = "slot") => ({
  kind,
  path: `psyopsOS/os/${version}/psyopsos-${version}.${kind}`,
  size: 5_000_000_000,
  sha256: SHA,
});
const release = (version: string) => ({
  version,
  arch: "x86_64",
  kernel: "6.18.1-0-lts",
  built: "2026-11-22T20:00:00Z",
  files: [file(version), file(version, "manifest")],
});
const document = {
  releases: [release("1.0"), release("1.1")],
  channels: {
    stable: {
      versions: { x86_64: "1.0" },
      start: "2026-11-23T00:00:00Z",
      waves: [{ afterHours: 0, percent: 5 }, { afterHours: 24, percent: 100 }],
      canaries: ["alpha"],
      windows: [{ days: ["sat", "sun"], from: "02:00", minutes: 120, zone: "Europe/Berlin" }],
      minimum: "0.9",
      allowDowngrade: true,
    },
    beta: { versions: { x86_64: "1.1" } },
  },
};

/** The document with the value at a path replaced. */
function changed(path: (string | number)[], value: unknown): Uint8Array {
  const copy = structuredClone(document) as unknown as Record<string | number, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1)!] = value;
  return utf8(JSON.stringify(copy));
}

Deno.test("parseOsUpdate() reads releases and channels", () => {
  assertEquals(parseOsUpdate(utf8(JSON.stringify(document))), document as unknown as OsUpdate);
});

Deno.test("parseOsUpdate() refuses what a node could misread", () => {
  const stable = ["channels", "stable"];
  const cases: [(string | number)[], unknown, string][] = [
    [["releases", 0, "version"], "../etc", "releases.0.version: must be a version"],
    [["releases", 0, "arch"], "mips", "releases.0.arch: must be x86_64 or aarch64"],
    [["releases", 0, "files", 0, "path"], "psyopsOS/nodes/a.json", "must be a path below"],
    [["releases", 0, "files", 0, "path"], "psyopsOS/os/../x", "must be a path below"],
    [["releases", 0, "files", 0, "size"], 1.5, "must be a whole number"],
    [["releases", 0, "files", 0, "size"], 0, "must be 1 to"],
    [["releases", 0, "files", 0, "sha256"], "00", "must be a SHA-256"],
    [["releases", 1, "version"], "1.0", "1.0 for x86_64 is listed twice"],
    [["releases", 0, "files"], [file("1.0", "iso")], "channel stable names 1.0 for x86_64"],
    [[...stable, "versions"], { x86_64: "9" }, "channel stable names 9 for x86_64"],
    [[...stable, "versions"], { mips: "1.0" }, "must be x86_64 or aarch64"],
    [[...stable, "start"], "2026-02-30T00:00:00Z", "must be a UTC time"],
    [[...stable, "start"], undefined, "must have start"],
    [[...stable, "waves", 1, "afterHours"], 0, "must rise from wave to wave"],
    [[...stable, "waves", 1, "percent"], 5, "must rise from wave to wave"],
    [[...stable, "waves", 1, "percent"], 101, "must be 0 to 100"],
    [[...stable, "canaries", 0], "No", "must be a node name"],
    [[...stable, "windows", 0, "from"], "24:00", "must be a time of day"],
    [[...stable, "windows", 0, "zone"], "../etc/passwd", "must be a time zone"],
    [[...stable, "windows", 0, "days", 0], "Samstag", "must be mon, tue"],
  ];
  for (const [path, value, expected] of cases) {
    const error = assertThrows(() => parseOsUpdate(changed(path, value)));
    assertInstanceOf(error, RefusedError);
    assertEquals(error.check, "schema");
    assert(error.message.includes(expected), `${error.message} lacks "${expected}"`);
  }
  for (const bytes of [utf8("{"), utf8("[]"), new Uint8Array([255]), new Uint8Array(2 ** 20 + 1)]) {
    assertInstanceOf(assertThrows(() => parseOsUpdate(bytes)), RefusedError);
  }
});

Deno.test("parseOsUpdate() leaves out what an agent of today does not know", () => {
  const expected = document as unknown as OsUpdate;
  for (
    const path of [
      ["more"],
      ["releases", 0, "more"],
      ["releases", 0, "files", 0, "more"],
      ["channels", "stable", "more"],
      ["channels", "stable", "waves", 0, "more"],
      ["channels", "stable", "windows", 0, "more"],
    ]
  ) {
    assertEquals(parseOsUpdate(changed(path, { any: ["thing"] })), expected, path.join("."));
  }
  const kind = parseOsUpdate(changed(["releases", 0, "files", 1, "kind"], "delta-index"));
  assertEquals(kind.releases[0]!.files[1]!.kind, "delta-index");
});

Deno.test("rolloutPosition() spreads nodes evenly, and in another order for each version", () => {
  const nodes = Array.from({ length: 2000 }, (_, i) => `node-${i}`);
  for (const percent of [5, 50, 90]) {
    const first = nodes.filter((node) => rolloutPosition(node, "1.0") < percent).length / 20;
    assert(Math.abs(first - percent) < 4, `${first} of ${percent} percent`);
  }
  assert(nodes.every((node) => rolloutPosition(node, "1.0") < 100));
  // Part of the format: a node decides by it, so it may never change.
  assertEquals(rolloutPosition("millennium", "2026.11.22.2015").toFixed(6), "55.685746");
  const both = nodes.filter((node) =>
    rolloutPosition(node, "1.0") < 50 && rolloutPosition(node, "1.1") < 50
  );
  assert(Math.abs(both.length - 500) < 80, `${both.length} are early both times`);
});
