/**
 * Buckets in which somebody else writes: what is there is believed only as far as our own keys have signed it, names that lead
 * elsewhere are left alone, bodies and listings end, and nothing that a server says moves the cursor.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { utf8 } from "../../lib/bytes.ts";
import { EXIT } from "../../lib/errors.ts";
import { canonicalJson } from "../../lib/json.ts";
import { parseTimestamp } from "../../lib/trust/freshness.ts";
import { rotateKey } from "../../lib/trust/rotate.ts";
import { published, PublishWorld } from "../support/publish_world.ts";
import { escape, xml } from "../support/s3_bucket.ts";

const STAMP = "psyopsOS/timestamp.json";
const CHEAP = { ops: 32_768, memory: 1 << 20 };

/** A timestamp with another serial than the one that was signed. */
function withSerial(bytes: Uint8Array, serial: number): Uint8Array {
  return canonicalJson({ ...parseTimestamp(bytes), serial });
}

const FOREIGN: {
  name: string;
  says: string;
  content: (world: PublishWorld) => Promise<Uint8Array>;
}[] = [
  {
    name: "a serial that nobody signed",
    says: "its psyopsOS/timestamp.json is none of this site: the signature of key",
    content: (world) =>
      Promise.resolve(withSerial(world.files().get(STAMP)!, 9_007_199_254_740_991)),
  },
  {
    name: "the timestamp of other keys",
    says: "none of this site",
    content: async () => {
      const stranger = await PublishWorld.make();
      await stranger.build(77);
      return stranger.files().get(STAMP)!;
    },
  },
  {
    name: "a timestamp of root keys that are not there",
    says: "there is no psyopsOS/root/2.json",
    content: (world) => {
      const timestamp = parseTimestamp(world.files().get(STAMP)!);
      return Promise.resolve(canonicalJson({ ...timestamp, root: 2 }));
    },
  },
  {
    name: "a page",
    says: "none of this site",
    content: () => Promise.resolve(utf8("<html>\x1b[2J")),
  },
  {
    name: "a file without an end",
    says: "its psyopsOS/timestamp.json is longer than 1048576 bytes",
    content: () => Promise.resolve(new Uint8Array(2 * 1024 * 1024)),
  },
];

for (const { name, says, content } of FOREIGN) {
  Deno.test(`publish does not let ${name} at the target keep it from publishing`, async () => {
    const { world, server } = await published();
    await using _ = server;
    server.put(STAMP, await content(world));
    await world.build(2);
    server.requests.length = 0;
    const { code, output } = await world.publishTo(server);
    assertEquals([code, server.changes()], [EXIT.refused, []], output);
    assertStringIncludes(output, says);
    assertStringIncludes(output, "--overwrite publishes over it");
    const over = await world.publishTo(server, "--overwrite");
    assertEquals(over.code, EXIT.ok, over.output);
    assertEquals((await world.read(server.contents())).serial, 2);
  });
}

Deno.test("publish puts no site of before a rotation over one of after it, whichever key it was and whatever its serial", async () => {
  for (const key of ["root", "config", "timestamp"] as const) {
    const { world, server } = await published();
    await using _ = server;
    // A checkout that has not heard of the new key, and is ahead otherwise.
    const copy = (from: string, to: string) => {
      for (const [path, { data, kind }] of [...world.host.nodes]) {
        if (kind === "file" && path.startsWith(`${from}/`)) {
          world.host.put(path.replace(from, to), data);
        }
      }
    };
    await world.build(6);
    copy("public", "older");
    const options = { issued: "2026-11-22T20:00:00Z", passphrase: never, cost: CHEAP };
    await rotateKey(world.host, "keys", key, options);
    await world.host.remove("public");
    await world.build(5);
    assertEquals((await world.publishTo(server)).code, EXIT.ok);
    for (const more of [[], ["--overwrite"]]) {
      const { code, output } = await world.publishTo(server, "--from", "older", ...more);
      assertEquals(code, EXIT.failed, output);
      assertStringIncludes(
        output,
        "it has is of root version 2, and the keys here are of version 1",
      );
      assertStringIncludes(output, "bring its keys folder here");
    }
  }
});

Deno.test("publish takes no serial from a config key that is no longer to be believed", async () => {
  const { world, server } = await published();
  await using _ = server;
  // A thief of the config key has published far ahead; then the key was replaced.
  await world.build(9_000_000_000);
  await world.publishTo(server);
  await world.host.remove("public");
  const options = { issued: "2026-11-22T20:00:00Z", passphrase: never, cost: CHEAP };
  await rotateKey(world.host, "keys", "config", options);
  await world.build(2);
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.ok, output);
});

Deno.test("publish says by its number which site is newer still", async () => {
  const { world, server } = await published();
  await using _ = server;
  await world.build(9_000_000_000);
  await world.publishTo(server);
  // A fresh checkout knows nothing of it.
  await world.host.remove("public");
  await world.build(2);
  const { output } = await world.publishTo(server);
  assertStringIncludes(output, "it has serial 9000000000, newer than 2");
  const [, serial] = /deno task site --serial (\d+) builds one/.exec(output)!;
  await world.build(Number(serial));
  assertEquals((await world.publishTo(server)).code, EXIT.ok);
});

Deno.test("publish puts up no time that has not come yet, nor anything over one", async () => {
  const { world, server } = await published();
  await using _ = server;
  const { clock } = world.host;
  const set = (time: string) => void (world.host.clock = new Date(time));
  set("2031-01-01T00:00:00Z");
  await world.build(2);
  world.host.clock = clock;
  server.requests.length = 0;
  const early = await world.publishTo(server);
  assertEquals([early.code, server.changes()], [EXIT.failed, []], early.output);
  assertStringIncludes(
    early.output,
    "the site was issued at 2031-01-01T00:00:00Z, and the clock says 2026-11-22T20:00:00Z",
  );
  // With the wrong clock it went up; a fresh checkout with the right one says how to go on.
  set("2031-01-01T00:00:00Z");
  assertEquals((await world.publishTo(server)).code, EXIT.ok);
  world.host.clock = clock;
  await world.host.remove("public");
  await world.build(3);
  const later = await world.publishTo(server);
  assertEquals(later.code, EXIT.failed);
  assertStringIncludes(
    later.output,
    "what it has was issued at 2031-01-01T00:00:00Z, and the clock",
  );
  assertStringIncludes(later.output, "deno task keys rotate config makes nodes forget it");
  const options = { issued: "2026-11-22T20:00:00Z", passphrase: never, cost: CHEAP };
  await rotateKey(world.host, "keys", "config", options);
  await world.build(4);
  const over = await world.publishTo(server);
  assertEquals(over.code, EXIT.ok, over.output);
});

Deno.test("publish refuses another publication of the serial that is there", async () => {
  const { world, server } = await published();
  await using _ = server;
  world.edit("beta", "beta-first", "beta-second");
  await world.host.remove("public");
  await world.build(1);
  const { code, output } = await world.publishTo(server);
  assertEquals(code, EXIT.failed);
  assertStringIncludes(output, "it has another publication of serial 1");
  assertStringIncludes(output, "--serial 2");
});

Deno.test("publish asks for, puts and removes nothing for names that are no paths of a site", async () => {
  const { world, server } = await published();
  await using _ = server;
  const odd = [
    "psyopsOS/nodes/../../../other/bucket",
    "psyopsOS/nodes/../../outside",
    "psyopsOS/bins/./x.json",
    "psyopsOS/nodes//x",
    "psyopsOS/nodes/\x1b[2J.json",
    "psyopsOS/nodes/a b.json",
    "psyopsOS/tags/",
  ];
  for (const key of odd) server.put(key, "x");
  server.put("outside", "not the site's");
  world.wait(30);
  server.requests.length = 0;
  for (const words of [["--prune"], ["--full", "--prune", "--prune-after", "0"]]) {
    const { code, output } = await world.publishTo(server, ...words);
    assertEquals(code, EXIT.ok, output);
  }
  assertEquals(server.changes(), []);
  assertEquals(server.requests.filter(({ target }) => /\.\.|%1B|outside|bucket/.test(target)), []);
  for (const key of [...odd, "outside"]) assert(server.objects.has(key), key);
});

Deno.test("publish takes from a listing no keys that it did not ask for", async () => {
  const { world, server } = await published();
  await using _ = server;
  const row = (key: string) =>
    `<Contents><Key>${key}</Key><LastModified>2020-01-01T00:00:00.000Z</LastModified><ETag>"x"</ETag><Size>1</Size></Contents>`;
  server.mischief = ({ key }) =>
    key.includes("list-type")
      ? {
        answer: xml(
          `<ListBucketResult><IsTruncated>false</IsTruncated>${
            row("elsewhere/psyopsOS/nodes/a.json")
          }${row("psyopsOS/os/1.0/slot.tar")}</ListBucketResult>`,
        ),
      }
      : undefined;
  server.requests.length = 0;
  const { code, output } = await world.publishTo(server, "--prune", "--prune-after", "0");
  assertEquals(code, EXIT.ok, output);
  assertEquals(server.changes().filter((line) => line.startsWith("DELETE")), []);
});

Deno.test("publish ends a listing that has no end", async () => {
  const { world, server } = await published();
  await using _ = server;
  for (const token of ["same", "another"]) {
    let pages = 0;
    server.mischief = ({ key }) => {
      if (!key.includes("list-type")) return undefined;
      const next = token === "same" ? token : `${token}-${++pages}`;
      return {
        answer: xml(
          `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken></ListBucketResult>`,
        ),
      };
    };
    const { code, output } = await world.publishTo(server);
    assertEquals(code, EXIT.failed);
    assertStringIncludes(output, "the server's listing does not end");
  }
});

const LISTINGS: [string, string, string][] = [
  ["no XML", "<html>", "the server's listing can't be read: it is not one element"],
  ["another document", "<Error2><a/></Error2>", "the server answered <Error2> where a listing"],
  [
    "an object without a size",
    "<ListBucketResult><Contents><Key>psyopsOS/bins/x</Key></Contents></ListBucketResult>",
    "an object in the server's listing has no size",
  ],
];

for (const [name, body, says] of LISTINGS) {
  Deno.test(`publish says in one line that a listing is ${name}`, async () => {
    const { world, server } = await published();
    await using _ = server;
    server.mischief = ({ key }) => key.includes("list-type") ? { answer: xml(body) } : undefined;
    const { code, output } = await world.publishTo(server);
    assertEquals([code, output.includes("defect")], [EXIT.failed, false], output);
    assertStringIncludes(output, says);
  });
}

for (const method of ["GET", "PUT", "list-type"]) {
  Deno.test(`publish reads no more than it may of an endless answer to ${method}`, async () => {
    const { world, server } = await published();
    await using _ = server;
    await world.build(2);
    server.mischief = (seen) =>
      (method === "list-type" ? seen.key.includes(method) : seen.method === method)
        ? "endless"
        : undefined;
    const { code, output } = await world.publishTo(server, "--parallel", "1", "--timeout", "2");
    delete server.mischief;
    if (method === "GET") assertStringIncludes(output, "is longer than 1048576 bytes");
    else assertStringIncludes(output, "gave an answer of more than");
    assert(code !== EXIT.ok && server.endlessBytes < 40 * 1024 * 1024, `${server.endlessBytes}`);
  });
}

Deno.test("publish reads no more than it may of an endless refusal", async () => {
  const { world, server } = await published();
  await using _ = server;
  const body = utf8(`<Error><Code>Odd</Code><Message>${"x".repeat(800_000)}</Message></Error>`);
  server.mischief = () => ({ answer: { status: 400, body } });
  const { output } = await world.publishTo(server);
  assertEquals(output, "Cannot publish to s3://fleet-site: the server answered 400 Unrecognized");
});

Deno.test("publish shows what a server says, on one line, cut, and without control characters", async () => {
  const { world, server } = await published();
  await using _ = server;
  const message = `no\nway \x1b]0;title\x07 ${"x".repeat(2000)}`;
  server.mischief = () => ({ status: 400, code: "Odd", message });
  const { output } = await world.publishTo(server);
  const [line = "", ...others] = output.split("\n");
  assertStringIncludes(line, "400 Odd: no way ?]0;title? xxx");
  assertEquals([others, line.length < 500, /\p{Cc}/u.test(line)], [[], true, false]);
  for (const code of ["\x1b[2J", "a b"]) {
    server.mischief = () => ({
      answer: {
        ...xml(`<Error><Code>${escape(code)}</Code><Region>\x9b2J</Region></Error>`),
        status: 400,
      },
    });
    const { output } = await world.publishTo(server);
    assertEquals(output, "Cannot publish to s3://fleet-site: the server answered 400 Unrecognized");
  }
});

function never(): Promise<string> {
  return Promise.reject(new Error("asked for a passphrase"));
}
