import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { keyLineProblem, publicKeyLine } from "../../../lib/schema/fields.ts";
import { formatKeyLine, parseKeyLine, uselessLine } from "../../../lib/schema/ssh_key_line.ts";
import { keyLines } from "../../support/key_lines.ts";
import { SSH_KEYS } from "../../site/support.ts";

const KEY = SSH_KEYS[0].split(" ").slice(0, 2).join(" ");
const [TYPE, BLOB] = KEY.split(" ") as [string, string];

const TAKEN: [what: string, line: string, options: string, comment: string][] = [
  ["a bare key", KEY, "", ""],
  ["a comment with blanks", `${KEY} me at home`, "", "me at home"],
  ["two blanks and tabs", ` ${TYPE}  \t${BLOB}\t\tme\tat home `, "", "me at home"],
  ["options", `restrict,command="a b" ${KEY} me`, 'restrict,command="a b"', "me"],
  ["an escaped quote", `command="say \\"hi\\"" ${KEY}`, 'command="say \\"hi\\""', ""],
  ["options in capitals", `No-PTY,FROM="*.example" ${KEY}`, 'No-PTY,FROM="*.example"', ""],
  ["a comma too many", `,pty,,restrict, ${KEY}`, ",pty,,restrict,", ""],
  [
    "clients",
    `from="*,!10.?.*,10.0.0.0/8,fe80::1%eth0,2001:DB8::/32,0.0.0.0/0" ${KEY}`,
    ...[
      'from="*,!10.?.*,10.0.0.0/8,fe80::1%eth0,2001:DB8::/32,0.0.0.0/0"',
      "",
    ] as const,
  ],
  ["a time that is past", `expiry-time="20010101" ${KEY}`, 'expiry-time="20010101"', ""],
  ["a time", `expiry-time="20300101Z" ${KEY}`, 'expiry-time="20300101Z"', ""],
];
for (const [what, line, options, comment] of TAKEN) {
  Deno.test(`parseKeyLine() takes ${what}`, () => {
    const expected = { options, type: TYPE, key: BLOB, comment };
    assertEquals(parseKeyLine(line), expected);
    // The one form is read as the same, and so by agents that know no other.
    assertEquals(parseKeyLine(formatKeyLine(expected)), expected);
    assertEquals(v.parse(publicKeyLine, line), formatKeyLine(expected));
  });
}

const REFUSED: [what: string, line: string, problem: string][] = [
  ["a quote that is not closed", `command="a ${KEY}`, "a quote in its options that is not closed"],
  ["a blank behind a comma", `restrict, pty ${KEY}`, "must be an SSH public key line"],
  ["an option that nobody knows", `restrict,hunter2 ${KEY}`, "an option that sshd does not know"],
  ["a value without quotes", `command=ls ${KEY}`, "command without a value in double quotes"],
  ["an option twice", `from="a",from="b" ${KEY}`, "has the option from twice"],
  ["clients that are none", `from="" ${KEY}`, "whose entry 1 is no address, network or pattern"],
  ["a network that is too small", `from="10.0.0.0/33" ${KEY}`, "entry 1 is no address, network"],
  ["a network in the middle", `from="*,10.0.0.1/8" ${KEY}`, "entry 2 is no address, network"],
  ["a blank behind a client", `from="10.0.0.1, *" ${KEY}`, "entry 2 is no address, network"],
  ["an address that is none", `from="10.0.0.256" ${KEY}`, "entry 1 is no address, network"],
  ["a port of a client", `from="a.example:22" ${KEY}`, "entry 1 is no address, network"],
  ["an IPv6 network with more", `from="fe80::1/64" ${KEY}`, "entry 1 is no address, network"],
  ["only clients that may not", `from="!10.0.0.1" ${KEY}`, "that only says from where not"],
  ["principals that are none", `principals="" ${KEY}`, "principals that names nobody"],
  ["a day that is none", `expiry-time="20301301" ${KEY}`, "expiry-time whose value is not valid"],
  ["a comment", `# ${KEY}`, "is a comment"],
  ["a key of another type", `ssh-rsa ${BLOB}`, "holds no whole ssh-rsa key"],
  ["half a key", KEY.slice(0, -8), "holds no whole ssh-ed25519 key"],
  ["a key with more behind it", `${TYPE} ${btoa(`${atob(BLOB)}x`)}`, "no whole ssh-ed25519 key"],
  ["two words", "hello world", "must be an SSH public key line"],
  [
    "a point that is on no curve",
    `ecdsa-sha2-nistp256 ${
      btoa(`\0\0\0\x13ecdsa-sha2-nistp256\0\0\0\x08nistp256\0\0\0\x41\x04${"x".repeat(64)}`)
    }`,
    "holds no whole ecdsa-sha2-nistp256 key",
  ],
];
for (const [what, line, problem] of REFUSED) {
  Deno.test(`the desk refuses ${what}`, () => {
    assertStringIncludes(keyLineProblem(line) ?? "", problem);
    assertEquals(keyLineProblem(line)!.includes("hunter2"), false);
  });
}

Deno.test("a key that lets nobody in is told of, as far as the line tells", () => {
  const now = new Date("2030-06-01T11:59:59Z");
  const reason = (options: string) => uselessLine(`${options} ${KEY}`, now);
  const past = "its expiry-time is past";
  const names =
    "its from= has host names alone, which sshd looks up only where its settings say UseDNS yes";
  const cases: [options: string, reason: string | undefined][] = [
    ["", undefined],
    ['expiry-time="20300601120000Z"', undefined],
    ['expiry-time="20300601115959Z"', past],
    ['expiry-time="20300601Z"', past],
    // In some zone it is not yet that day.
    ['expiry-time="20300601"', undefined],
    ['expiry-time="20300531"', past],
    ['from="*.example.org,!10.0.0.1"', names],
    ['from="*.example.org,10.*"', undefined],
    ['from="*"', undefined],
    ['from="fe80::1%eth0"', undefined],
  ];
  for (const [options, expected] of cases) {
    assertEquals(reason(options)?.replace(/ \d{8,14}Z? is/, " is"), expected, options);
  }
  assertEquals(uselessLine("no line", now), undefined);
});

Deno.test("what is read of a line is the same when it is read again, and a node takes it", () => {
  for (const { line } of keyLines([{ type: TYPE, blob: BLOB }], 3000, 5)) {
    const parsed = parseKeyLine(line);
    if ("problem" in parsed) continue;
    const once = formatKeyLine(parsed);
    assertEquals(v.parse(publicKeyLine, once), once);
    assertEquals(parseKeyLine(once), parsed);
  }
});

Deno.test("parseKeyLine() reads a line of many blanks at once", () => {
  const blanks = "\t ".repeat(40_000);
  const start = performance.now();
  assertEquals(parseKeyLine(`command="a" x${blanks}y${blanks}`), {
    problem: "must be an SSH public key line, e.g. ssh-ed25519 AAAA… comment",
  });
  assert(performance.now() - start < 500);
});

Deno.test("parseKeyLine() has an answer for any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (line) => {
    parseKeyLine(line);
    parseKeyLine(`${line} ${KEY}`);
    parseKeyLine(`${TYPE} ${line}`);
  }));
});
