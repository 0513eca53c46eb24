import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { sha256Hex, text, utf8 } from "../../../lib/bytes.ts";
import { DHCP_CLIENT } from "../../../agent/system/paths.ts";
import { PRIVATE_DIGEST } from "../../../lib/config/key.ts";
import { parseConsoleLine } from "../../../lib/documents/console_line.ts";
import { EXIT } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { encryptTo } from "../../../lib/trust/age.ts";
import { signerOf } from "../../../lib/trust/keyring.ts";
import { generateKey } from "../../../lib/trust/minisign_sign.ts";
import { buildSite } from "../../../site/build/build.ts";
import { parseFleet } from "../../../site/fleet/fleet.ts";
import { buildOptions, ISSUED } from "../../site/support.ts";
import { placeOf } from "../../support/signed_site.ts";
import { type Drive, MOUNT } from "../identity/drive_fake.ts";
import { ALPHA, buildWorldSite, driveOf, makeSite, PAIRS, SECRET, World } from "../world.ts";

const SITE = await makeSite();

/** Events of the console, in order. */
function events(world: World): string[] {
  return world.printed.map((line) => parseConsoleLine(line)!.event);
}

Deno.test("runAgent() configures a node from its site and tells what it is", async () => {
  const world = new World(driveOf("alpha"), SITE);
  assertEquals(await world.boot(), EXIT.ok);
  assertEquals(events(world), [
    "started",
    "identity",
    "network",
    "verified",
    "applied",
    "configured",
  ]);
  const { status } = world;
  assertEquals(status.phase, "configured");
  assertEquals(status.problem, undefined);
  assertEquals(status.node, "alpha");
  assertEquals([status.serial, status.source, status.rollbackGuard], [42, "site", "drive"]);
  assertEquals(status.observed?.hostname, "first");
  assertEquals(world.hostname.name, "first");
  assertEquals(status.observed?.users?.map(({ name, uid, groups }) => [name, uid, groups]), [
    ["ann", 1000, ["wheel"]],
  ]);
  assertEquals(status.observed?.files, [
    {
      path: "/etc/motd",
      sha256: sha256Hex(utf8("hello\n")),
      mode: "0644",
      owner: "root",
      group: "root",
    },
    { path: "/etc/token", sha256: PRIVATE_DIGEST, mode: "0600", owner: "ann", group: "root" },
  ]);
  assertEquals(status.observed?.scripts, [
    { name: "hello", exitCode: 0, outputSha256: PRIVATE_DIGEST },
  ]);
  assertEquals(world.reports.at(-1)?.phase, "configured");
  assertEquals(world.textOf("/etc/token"), SECRET);
  assert(world.sshd.running);
});

Deno.test("runAgent() shows no secret on the console, in its log of programs, status and reports", async () => {
  const world = new World(driveOf("alpha"), SITE);
  await world.boot({ sleeps: 2 });
  const shown = [
    ...world.printed,
    ...world.log,
    JSON.stringify(world.status),
    JSON.stringify(world.reports),
  ].join("\n");
  for (const secret of [SECRET, "AGE-SECRET-KEY", "host-key-secret", sha256Hex(utf8(SECRET))]) {
    assert(!shown.includes(secret), secret);
  }
});

Deno.test("runAgent() makes no change and says nothing when nothing is new", async () => {
  const world = new World(driveOf("alpha"), SITE);
  await world.boot({ sleeps: 1 });
  const lines = world.printed.length;
  const next = new World(world.drive.files, SITE);
  let printed = 0;
  let changes = 0;
  next.onSleep = (count) => {
    const writes = next.log.filter((line) => /^(write|rename|remove) /.test(line));
    const ours = writes.filter((line) => !line.includes("/run/psyopsos/status.json"));
    if (count === 1) [printed, changes] = [next.printed.length, ours.length];
    else assertEquals([next.printed.length, ours.length], [printed, changes]);
  };
  await next.boot({ sleeps: 4 });
  assertEquals(printed, lines);
  const asked = next.requests.filter((line) => line === "GET psyopsOS/timestamp.json");
  assertEquals(asked.length, 4, "one request a round");
  assertEquals(next.requests.filter((line) => line === "GET psyopsOS/root/1.json").length, 1);
});

Deno.test("runAgent() changes nothing when it is restarted", async () => {
  const world = new World(driveOf("alpha"), SITE);
  await world.boot();
  const again = world.restart();
  await again.boot();
  assertEquals(events(again), ["started", "identity", "network", "verified", "configured"]);
  assertEquals(again.status.steps, []);
  assertEquals(again.status.phase, "configured");
});

Deno.test("runAgent() repairs what was changed on the node within a quarter of an hour, and looks no more often", async () => {
  const world = new World(driveOf("alpha"), SITE);
  let changedAt = 0, repairedAt = 0, sleeps = 0;
  world.onSleep = (count) => {
    sleeps = count;
    if (count === 1) {
      changedAt = world.elapsed;
      world.put("/etc/motd", "changed by hand\n");
    } else if (repairedAt === 0 && world.textOf("/etc/motd") === "hello\n") {
      repairedAt = world.elapsed;
      assertEquals(world.status.steps, ["write /etc/motd (0644 root:root)"]);
    }
  };
  await world.boot({ sleeps: 20 });
  const minutes = (repairedAt - changedAt) / 60_000;
  assert(sleeps === 20 && minutes >= 15 && minutes < 25, `${minutes} minutes`);
});

Deno.test("runAgent() repairs and retries while its site is down or refused, and without an address", async () => {
  const world = new World(driveOf("alpha"), SITE);
  const good = world.programs.get("/bin/sh")!;
  world.programs.set("/bin/sh", () => ({ code: 1 }));
  const troubles: (string | undefined)[] = [];
  world.onSleep = (count) => {
    troubles.push(world.status.problem?.check);
    assertEquals(world.textOf("/etc/motd"), "hello\n", `in round ${count}`);
    world.put("/etc/motd", "changed by hand\n");
    world.site = count === 1 ? undefined : withFile("psyopsOS/timestamp.json", otherHash);
    if (count === 3) world.programs.set("/bin/sh", good);
  };
  await world.boot({ sleeps: 4 });
  assertEquals(troubles, ["apply", "unreachable", "signature", "signature"]);
  assert(
    world.status.steps.some((step) => step.startsWith("run script hello")),
    "it is tried again",
  );
});

Deno.test("runAgent() says that its drive has lost what guards it, and goes on", async () => {
  const first = new World(driveOf("alpha"), SITE);
  await first.boot();
  const second = first.reboot();
  for (const name of ["state/record-a.json", "state/record-b.json"]) {
    second.drive.files!.set(name, "torn");
  }
  await second.boot();
  const said = second.printed.find((line) => line.includes("Cannot tell which serial"));
  assertStringIncludes(said ?? "", "good-42, record-a.json, record-b.json");
  assertStringIncludes(second.status.guardLost ?? "", "no record in state/");
  assertEquals([second.status.phase, second.status.rollbackGuard], ["configured", "drive"]);
  const third = second.reboot();
  await third.boot();
  assertEquals(third.status.guardLost, undefined);
});

Deno.test("runAgent() that is stopped while it applies calls nothing done", async () => {
  const world = new World(driveOf("alpha"), SITE);
  const answer = world.programs.get("hostname")!;
  world.programs.set("hostname", (args, options) => {
    if (args[0] === "first") world.stop.abort();
    return answer(args, options);
  });
  await world.boot();
  assert(!world.nodes.has("/etc/motd"), "it was stopped before its files");
  assert(!events(world).includes("configured"));
  assertEquals(world.status.phase, "applying");
  assertEquals(world.reports, []);
});

Deno.test("runAgent() keeps what it accepted as soon as its drive can be written again", async () => {
  const world = new World(driveOf("alpha"), SITE);
  world.drive.readOnly = true;
  world.onSleep = (count) => {
    if (count === 1) assertEquals(world.status.rollbackGuard, "image");
    world.drive.readOnly = false;
  };
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.rollbackGuard, "drive");
  assertEquals(events(world).filter((event) => event === "verified").length, 1);
  const next = world.reboot();
  next.site = await makeSite({ serial: 41 });
  await next.boot();
  assertEquals(next.status.problem?.check, "serial");
});

Deno.test("runAgent() checks its site every 300 seconds give or take a tenth", async () => {
  const world = new World(driveOf("alpha"), SITE);
  await world.boot({ sleeps: 1 });
  assertEquals(world.log.filter((line) => line.startsWith("sleep")), ["sleep 300000"]);
});

/** A copy of the site with a file replaced. */
function withFile(path: string, change: (data: Uint8Array) => Uint8Array) {
  const site = new Map(SITE);
  site.set(path, new Uint8Array(change(site.get(path)!.slice())));
  return site;
}

function flip(data: Uint8Array): Uint8Array {
  data[data.length >> 1]! ^= 1;
  return data;
}

/** Another hash of a bin: still a timestamp, but not the one that was signed. */
function otherHash(data: Uint8Array): Uint8Array {
  return utf8(text(data).replace(/(?<="sha256": ")./, (digit) => digit === "0" ? "1" : "0"));
}

const ALPHAS = placeOf(SITE, "psyopsOS/postboot/alpha.age");
const BETAS = canonicalJson((await buildWorldSite()).envelopes.get("beta"));
const REFUSALS: [string, string, Awaited<ReturnType<typeof makeSite>>][] = [
  ["a changed timestamp", "signature", withFile("psyopsOS/timestamp.json", otherHash)],
  ["a flipped bit in the instructions", "hash", withFile(ALPHAS, flip)],
  [
    "another node's instructions in place of its own",
    "size",
    withFile(ALPHAS, () => SITE.get(placeOf(SITE, "psyopsOS/postboot/beta.age"))!),
  ],
  [
    "instructions that are not encrypted to it",
    "recipient",
    (await buildWorldSite({}, (_, plain) => encryptTo([PAIRS.beta.recipient], plain))).files,
  ],
  [
    "another node's instructions, encrypted to it and listed",
    "path",
    (await buildWorldSite({}, () => encryptTo([PAIRS.alpha.recipient], BETAS))).files,
  ],
  [
    "an expired timestamp",
    "expired",
    await makeSite({ issued: "2026-11-20T20:00:00Z", expires: "2026-11-21T20:00:00Z" }),
  ],
];

for (const [what, check, site] of REFUSALS) {
  Deno.test(`runAgent() refuses ${what}, says so and applies nothing`, async () => {
    const world = new World(driveOf("alpha"), site);
    await world.boot({ sleeps: 3 });
    const refusals = world.printed.map((line) => parseConsoleLine(line)!)
      .filter(({ event }) => event === "refused");
    assertEquals(refusals.length, 1, "said once, though it was tried three times");
    assertEquals(refusals[0]!.facts.check, check);
    assertMatch(refusals[0]!.facts.document ?? "", /^psyopsOS\//);
    assertEquals(world.status.problem?.check, check);
    assertEquals(world.status.problem?.attempts, 3);
    assertEquals(world.status.phase, "fetching");
    assertEquals(world.status.serial, undefined);
    assert(!events(world).includes("configured"));
    assert(!world.nodes.has("/etc/motd"));
    // Only who it is, which the drive says.
    assertEquals(world.hostname.name, "alpha");
  });
}

Deno.test("runAgent() refuses a site that another key signed", async () => {
  const signer = signerOf(generateKey());
  const fleet = parseFleet(
    new Map([["alpha.yaml", `recipient: ${PAIRS.alpha.recipient}\n`]]),
  );
  const options = buildOptions();
  options.sign = (_role, bytes, type, path) =>
    signer.sign(bytes, { type, path, serial: 42, issued: ISSUED });
  const site = (await buildSite(fleet, { ...options, encrypt: encryptTo })).files;
  const world = new World(driveOf("alpha"), site);
  await world.boot();
  assertEquals(world.status.problem?.check, "key");
  assert(!events(world).includes("configured"));
});

Deno.test("runAgent() refuses an older serial at the second boot and uses its last good documents", async () => {
  const first = new World(driveOf("alpha"), await makeSite({ serial: 50 }));
  await first.boot();
  const second = first.reboot();
  second.site = await makeSite({ serial: 49 });
  await second.boot();
  assertEquals(second.status.problem?.check, "serial");
  assertEquals(second.status.phase, "degraded");
  assertEquals([second.status.serial, second.status.source], [50, "last-good"]);
  assertEquals(second.textOf("/etc/motd"), "hello\n");
  assertEquals(events(second).slice(-4), ["verified", "refused", "applied", "configured"]);
});

Deno.test("runAgent() uses its last good documents while the site is down, and the site when it is back", async () => {
  const first = new World(driveOf("alpha"), SITE);
  await first.boot();
  const second = first.reboot();
  second.site = undefined;
  second.onSleep = (count) => {
    if (count === 2) second.site = SITE;
    if (count === 1) {
      assertEquals(second.status.problem?.check, "unreachable");
      assertEquals([second.status.phase, second.status.source], ["degraded", "last-good"]);
      assertEquals(second.hostname.name, "first");
    }
  };
  await second.boot({ sleeps: 3 });
  assertEquals([second.status.phase, second.status.source], ["configured", "site"]);
  assertEquals(second.status.problem, undefined);
  assertEquals(second.reports.length, 3);
});

Deno.test("runAgent() uses last good documents that have expired, too", async () => {
  const first = new World(driveOf("alpha"), SITE);
  await first.boot();
  const second = first.reboot();
  second.site = undefined;
  second.clock = new Date("2027-06-01T00:00:00Z");
  await second.boot();
  assertEquals(second.status.source, "last-good");
  assertEquals(second.textOf("/etc/motd"), "hello\n");
});

Deno.test("runAgent() does not use last good documents that were tampered with", async () => {
  const first = new World(driveOf("alpha"), SITE);
  await first.boot();
  const second = first.reboot();
  second.site = undefined;
  const path = [...second.drive.files!.keys()].find((name) => name.endsWith("timestamp.json"))!;
  const kept = text(second.drive.files!.get(path) as Uint8Array);
  second.drive.files!.set(path, kept.replace('"serial": 42', '"serial": 43'));
  await second.boot();
  assert(!second.nodes.has("/etc/motd"));
  const refused = second.printed.find((line) => line.includes("refused"));
  assertStringIncludes(refused!, "last good");
  assertEquals(second.status.problem?.check, "unreachable");
});

Deno.test("runAgent() keeps a running configuration when its site turns bad", async () => {
  const world = new World(driveOf("alpha"), SITE);
  world.onSleep = async (count) => {
    if (count === 1) {
      world.site = await makeSite({
        serial: 43,
        issued: "2026-11-20T20:00:00Z",
        expires: "2026-11-21T20:00:00Z",
      });
    }
  };
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.problem?.check, "expired");
  assertEquals([world.status.phase, world.status.serial], ["degraded", 42]);
  assertEquals(world.textOf("/etc/motd"), "hello\n");
});

Deno.test("runAgent() notices that an unchanged site has expired", async () => {
  const world = new World(driveOf("alpha"), SITE);
  world.onSleep = (count) => {
    if (count === 1) world.clock = new Date("2026-12-24T00:00:00Z");
  };
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.problem?.check, "expired");
});

Deno.test("runAgent() says that the drive is missing, comes up with DHCP and goes on when it is there", async () => {
  const world = new World(undefined, SITE);
  world.onSleep = (count) => {
    if (count === 3) {
      assertEquals(world.status.phase, "waiting-identity");
      assertEquals(world.status.problem?.check, "identity");
      assertEquals(events(world), ["started", "waiting", "network"]);
      assertStringIncludes(world.printed[1]!, "no file system bears the label psyops-secret");
      world.drive.files = driveOf("alpha");
    }
  };
  await world.boot({ sleeps: 4 });
  assertEquals(world.status.phase, "configured");
});

const BAD_DRIVES: [string, Drive, string][] = [
  ["an empty drive", new Map(), "nodename on the identity drive: it is missing"],
  [
    "an unreadable key",
    driveOf("alpha").set("age.key", "not a key SECRETSTUFF\n"),
    "age.key on the identity drive: line 1",
  ],
  [
    "an empty key",
    driveOf("alpha").set("age.key", ""),
    "age.key on the identity drive: it is empty",
  ],
  ["a bad name", driveOf("alpha").set("nodename", "../x"), "it holds no node name"],
  ["no URL", driveOf("alpha").set("site", "ftp://x\n"), "line 1 is no http://"],
];

for (const [what, drive, says] of BAD_DRIVES) {
  Deno.test(`runAgent() says in one line what is wrong with ${what}`, async () => {
    const world = new World(drive, SITE);
    await world.boot({ sleeps: 2 });
    const waiting = world.printed.filter((line) => line.includes("waiting"));
    assertEquals(waiting.length, 1);
    assertStringIncludes(waiting[0]!, says);
    assertStringIncludes(world.status.problem!.message, says);
    assert(!world.printed.join().includes("SECRETSTUFF"));
    assertEquals(world.drive.mounted, false, "another drive can be found");
  });
}

Deno.test("runAgent() says that nobody answers DHCP and uses last good documents meanwhile", async () => {
  const first = new World(driveOf("alpha"), SITE);
  await first.boot();
  const world = first.reboot();
  world.network.dhcp = false;
  await world.boot({ sleeps: 2 });
  const said = world.printed.filter((line) => line.includes("no DHCP answer on eth0"));
  assertEquals(said.length, 1);
  assertEquals(world.status.problem?.check, "network");
  assertEquals(world.status.source, "last-good");
  assertEquals(world.log.filter((line) => line.startsWith(`run ${DHCP_CLIENT} start`)).length, 1);
});

Deno.test("runAgent() says that nobody answers DHCP on a node that has nothing yet", async () => {
  const world = new World(driveOf("alpha"), SITE);
  world.network.dhcp = false;
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.phase, "waiting-network");
  assertEquals(world.status.problem?.check, "network");
});

Deno.test("runAgent() says that the RAM is full, once, and does the rest", async () => {
  const world = new World(driveOf("alpha"), SITE);
  const full = Object.assign(new Error("No space left on device (os error 28)"), {
    code: "ENOSPC",
  });
  world.broken.set("/etc/motd", full);
  await world.boot();
  const said = world.printed.filter((line) => line.includes("degraded"));
  assertEquals(said.length, 1);
  assertStringIncludes(said[0]!, "no space left in RAM");
  assertEquals(world.status.problem?.check, "full");
  assertEquals(world.status.phase, "degraded");
  assertEquals(world.textOf("/etc/token"), SECRET);
});

Deno.test("runAgent() works on a write-protected drive and says what guards it then", async () => {
  const world = new World(driveOf("alpha"), SITE);
  world.drive.readOnly = true;
  await world.boot({ sleeps: 2 });
  assertEquals(world.status.phase, "configured");
  assertEquals(world.status.rollbackGuard, "image");
  const said = world.printed.filter((line) => line.includes("write-protected"));
  assertEquals(said.length, 1);
});

Deno.test("runAgent() never leaves the drive writable", async () => {
  const world = new World(driveOf("alpha"), SITE);
  await world.boot();
  assert(world.broken.has(MOUNT));
  const options = world.log.filter((line) => line.startsWith("run mount"));
  for (const line of options) assertStringIncludes(line, "nosuid,nodev,noexec");
});

Deno.test("runAgent() waits for a site that does not know the node", async () => {
  const fleet = parseFleet(new Map([["beta.yaml", `recipient: ${PAIRS.beta.recipient}\n`]]));
  const site = (await buildSite(fleet, { ...buildOptions(), encrypt: encryptTo })).files;
  const world = new World(driveOf("alpha"), site);
  await world.boot();
  assertEquals(world.status.problem?.check, "node");
  assertStringIncludes(world.printed.at(-1)!, "the site does not know alpha");
});

Deno.test("runAgent() asks the next URL when the first is down", async () => {
  const drive = driveOf("alpha").set("site", `http://down.test/\n${"http://site.test"}\n`);
  const world = new World(drive, SITE);
  await world.boot();
  assertEquals(world.status.phase, "configured");
});

Deno.test("runAgent() with once gives an exit code", async () => {
  assertEquals(await new World(driveOf("alpha"), SITE).boot({ once: true }), EXIT.ok);
  assertEquals(
    await new World(driveOf("alpha"), REFUSALS[0]![2]).boot({ once: true }),
    EXIT.refused,
  );
  assertEquals(await new World(driveOf("alpha")).boot({ once: true }), EXIT.failed);
});

Deno.test("runAgent() keeps what it has when its instructions need a later agent, and says so", async () => {
  const old = ALPHA.replace(/groups: \{.*?\}, sshKeys: \{.*?\}/, "");
  const known = await makeSite({ alpha: old });
  const later = await makeSite({
    serial: 43,
    alpha: old.replace("config:\n", "config:\n  timezone: Europe/Berlin\n"),
  });
  const needs =
    "Cannot use psyopsOS/postboot/alpha.age: it needs agent 0.2.0, this is 0.1.0: update the OS";
  const facts = globalThis as { psyopsosAgent?: unknown };
  facts.psyopsosAgent = { version: "0.1.0", commit: "c", form: "bundle" };
  try {
    const world = new World(driveOf("alpha"), known);
    world.onSleep = (sleeps) => {
      if (sleeps === 1) world.site = later;
    };
    await world.boot({ sleeps: 2 });
    assertEquals([world.status.phase, world.status.serial], ["degraded", 42]);
    assertEquals([world.status.problem?.check, world.status.problem?.message], ["agent", needs]);
    const lines = world.printed.filter((line) => line.includes("agent 0.2.0"));
    assertEquals(lines.map((line) => line.split(" ")[1]), ["degraded"], "no refusal of trust");
    // Rebooted with the same OS: its last good documents are those that it understood.
    const next = world.reboot();
    await next.boot({ once: true });
    assertEquals([next.status.phase, next.status.source], ["degraded", "last-good"]);
    assertEquals(next.hostname.name, "first");
  } finally {
    delete facts.psyopsosAgent;
  }
});
