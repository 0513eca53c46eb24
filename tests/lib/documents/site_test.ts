import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { fileContent } from "../../../lib/config/files.ts";
import {
  parseEnvelope,
  parseGlobalDocument,
  parseInstructions,
  parseNodeDocument,
  parsePostbootIndex,
  parseTagNodes,
} from "../../../lib/documents/site.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { canonicalJson } from "../../../lib/json.ts";
import { MAX_DOCUMENT_BYTES } from "../../../lib/limits.ts";
import { ISSUED, RECIPIENTS, SSH_KEYS } from "../../site/support.ts";

const json = (value: unknown) => utf8(JSON.stringify(value));

function instructions(config: unknown, more: Record<string, unknown> = {}) {
  return json({
    type: "postboot",
    node: "alpha",
    serial: 3,
    issued: ISSUED,
    config,
    public: {},
    ...more,
  });
}

function refusal(run: () => unknown): RefusedError {
  const error = assertThrows(run);
  assertInstanceOf(error, RefusedError);
  return error;
}

Deno.test("parseInstructions() reads everything that a node can be told", () => {
  const config = {
    hostname: "alpha.example.net",
    users: {
      ops: {
        uid: 1000,
        comment: "Ops",
        groups: { wheel: true },
        shell: "/bin/ash",
        sshKeys: { k1: SSH_KEYS[0], k2: `from="10.0.0.0/8" ${SSH_KEYS[1]}` },
      },
    },
    files: {
      "/etc/motd": { content: "hi\n", mode: "0644", owner: "root", group: "root" },
      "/opt/x.bin": { content: "AAH/", encoding: "base64" },
    },
    scripts: { hello: { run: "#!/bin/sh\n", when: "change" } },
    report: { url: "http://10.0.2.2:8000/status/alpha" },
    check: { everySeconds: 60 },
  };
  assertEquals(parseInstructions(instructions(config), "alpha").config as unknown, config);
});

Deno.test("parseInstructions() refuses another node's instructions as such", () => {
  const error = refusal(() => parseInstructions(instructions({}), "beta"));
  assertEquals(error.check, "node");
  assertEquals(error.message, "Cannot use psyopsOS/postboot/beta.age: it is for node alpha");
});

const WRONG: [string, unknown, string][] = [
  ["an unknown key", { hostnam: "x" }, "config.hostnam: unknown key"],
  ["a host name with blanks", { hostname: "a b" }, "config.hostname: must be a host name"],
  ["an endless host name", { hostname: "a".repeat(65) }, "config.hostname: must be at most 64"],
  ["uid 0", { users: { ops: { uid: 0 } } }, "config.users.ops.uid: must be 1 to 2147483646"],
  ["a uid as text", { users: { ops: { uid: "1" } } }, "config.users.ops.uid: must be a number"],
  [
    "an account name with a slash",
    { users: { "a/b": {} } },
    "config.users.a/b: must be an account",
  ],
  [
    "a comment with a colon",
    { users: { ops: { comment: "a:b" } } },
    "config.users.ops.comment: must be up to",
  ],
  [
    "a key without a blob",
    { users: { ops: { sshKeys: { k1: "ssh-rsa" } } } },
    "sshKeys.k1: must be an SSH",
  ],
  [
    "a key that says another type inside",
    { users: { ops: { sshKeys: { k1: SSH_KEYS[0].replace("ssh-ed25519", "ssh-rsa") } } } },
    "sshKeys.k1: must be an SSH",
  ],
  [
    "two keys in one line",
    { users: { ops: { sshKeys: { k1: `${SSH_KEYS[0]}\n${SSH_KEYS[1]}` } } } },
    "sshKeys.k1: must be one line",
  ],
  [
    "a relative path",
    { files: { "etc/x": { content: "" } } },
    "config.files.etc/x: must be an abs",
  ],
  ["a path with ..", { files: { "/etc/../x": { content: "" } } }, "must be an absolute path"],
  ["a directory as file", { files: { "/etc/": { content: "" } } }, "must be an absolute path"],
  ["a device path", { files: { "/dev/sda": { content: "" } } }, "must be an absolute path"],
  ["a file without content", { files: { "/x": {} } }, "config.files./x.content: is missing"],
  ["a mode as number", { files: { "/x": { content: "", mode: 644 } } }, "mode: must be four octal"],
  [
    "content that is not base64",
    { files: { "/x": { content: "*", encoding: "base64" } } },
    "config.files./x.content: must be base64",
  ],
  ["an empty script", { scripts: { a: { run: "" } } }, "config.scripts.a.run: must not be empty"],
  ["a script name with a slash", { scripts: { "a/b": { run: "x" } } }, "must be a script name"],
  ["a script name that starts with a dot", { scripts: { "..": { run: "x" } } }, "must be a script"],
  ["a script at noon", { scripts: { a: { run: "x", when: "noon" } } }, "when: must be boot or"],
  ["a file URL", { report: { url: "file:///etc/shadow" } }, "config.report.url: must be an http"],
  ["a hectic check", { check: { everySeconds: 1 } }, "config.check.everySeconds: must be 5 to"],
  ["an account named constructor", { users: { constructor: {} } }, "config.users.constructor: key"],
  ["an account named prototype", { users: { prototype: 1 } }, "config.users.prototype: key not"],
  [
    "a script named __proto__",
    { scripts: JSON.parse('{"__proto__": {"run": "x"}}') },
    "config.scripts.__proto__: key not allowed",
  ],
  ["a list as mapping", { users: "x" }, "config.users: must be a mapping"],
];
for (const [what, config, message] of WRONG) {
  Deno.test(`parseInstructions() refuses ${what}`, () => {
    const error = refusal(() => parseInstructions(instructions(config), "alpha"));
    assertEquals(error.check, "schema");
    assertEquals(error.message.includes(message), true, error.message);
    assertEquals(error.message.includes("\n"), false);
  });
}

Deno.test("messages never quote a value", () => {
  for (const value of ["hunter2 with blanks", 5, ["hunter2"], { hunter2: 1 }]) {
    for (const config of [{ hostname: value }, { files: { "/x": { content: value } } }]) {
      if (typeof value === "string" && "files" in config) continue;
      const { message } = refusal(() => parseInstructions(instructions(config), "alpha"));
      assertEquals(message.includes("hunter2"), false, message);
    }
  }
  const { message } = refusal(() => parseInstructions(utf8('{"hunter2": hunter2'), "alpha"));
  assertEquals(message, "Cannot read psyopsOS/postboot/alpha.age: it is no JSON in UTF-8");
});

Deno.test("parseInstructions() refuses wrong types, serials and times", () => {
  for (
    const more of [
      { type: "node" },
      { serial: 0 },
      { serial: 1.5 },
      { serial: 2 ** 53 },
      { issued: "2026-11-22" },
      { issued: "2026-13-22T20:00:00Z" },
      { extra: 1 },
    ]
  ) {
    assertEquals(
      refusal(() => parseInstructions(instructions({}, more), "alpha")).check,
      "schema",
      JSON.stringify(more),
    );
  }
});

Deno.test("documents have a greatest size", () => {
  const big = utf8(" ".repeat(MAX_DOCUMENT_BYTES + 1));
  assertEquals(refusal(() => parseGlobalDocument(big)).check, "schema");
});

Deno.test("parseNodeDocument() reads a node's own document only", () => {
  const document = {
    name: "alpha",
    recipient: RECIPIENTS[0],
    sshHostKey: SSH_KEYS[0],
    tags: ["lab"],
    config: {},
  };
  assertEquals(parseNodeDocument(json(document), "alpha") as unknown, document);
  refusal(() => parseNodeDocument(json(document), "beta"));
  refusal(() => parseNodeDocument(json({ ...document, tags: ["lab", "lab"] }), "alpha"));
  refusal(() => parseNodeDocument(json({ ...document, recipient: "age1" }), "alpha"));
});

Deno.test("the other readers take what they should and refuse the rest", () => {
  assertEquals(parseTagNodes(json(["alpha", "beta"]), "lab"), ["alpha", "beta"]);
  refusal(() => parseTagNodes(json(["../x"]), "lab"));
  const entry = { path: "psyopsOS/postboot/alpha.age", sha256: "0".repeat(64), size: 5 };
  assertEquals(parsePostbootIndex(json({ alpha: entry })), { alpha: entry });
  refusal(() => parsePostbootIndex(json({ alpha: { ...entry, sha256: "x" } })));
  assertEquals(parseEnvelope(json({ payload: "{}", minisig: "s" }), "alpha").payload, "{}");
  refusal(() => parseEnvelope(json({ payload: {}, minisig: "s" }), "alpha"));
});

Deno.test("fileContent() decodes what is in base64 and encodes text", () => {
  assertEquals(fileContent({ content: "AAH/", encoding: "base64" }), new Uint8Array([0, 1, 255]));
  assertEquals(fileContent({ content: "ü" }), utf8("ü"));
});

Deno.test("instructions of an earlier version are read, whose lists are mappings today", () => {
  const user = {
    groups: ["wheel"],
    sshKeys: [SSH_KEYS[0], SSH_KEYS[0], `from="10.0.0.0/8" ${SSH_KEYS[1].replace(/ b$/, "")}`],
  };
  const config = { users: { ops: user } };
  const { config: read, public: shown } = parseInstructions(
    canonicalJson({
      ...{ type: "postboot", node: "alpha", serial: 1, issued: "2026-11-22T20:00:00Z" },
      config,
      public: config,
    }),
    "alpha",
  );
  assertEquals(read.users?.ops, {
    groups: { wheel: true },
    sshKeys: { a: user.sshKeys[0], "a-2": user.sshKeys[1], key3: user.sshKeys[2] } as Record<
      string,
      string
    >,
  });
  assertEquals(shown, read);
});
