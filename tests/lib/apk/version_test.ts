import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { compareVersions, isVersion, satisfies } from "../../../lib/apk/version.ts";

/** Each list from the oldest to the newest; every pair is compared. */
const ASCENDING = [
  [
    "1.0_alpha",
    "1.0_alpha1",
    "1.0_beta",
    "1.0_pre3",
    "1.0_rc1",
    "1.0",
    "1.0-r0",
    "1.0-r2",
    "1.0-r10",
  ],
  ["1.0", "1.0_cvs", "1.0_svn", "1.0_git", "1.0_hg", "1.0_p", "1.0_p1"],
  ["0.9", "0.9.9", "0.10", "1", "1.0", "1.0a", "1.0b", "1.0.1", "1.1", "2"],
  ["1.01", "1.010", "1.1", "1.2", "1.10"],
  ["1.0_pre20191002222144", "1.0_pre20210530193627", "1.0_pre99999999999999999999", "1.0"],
  ["6.6.3", "6.6.3-r1", "6.6.3_p1", "6.6.4"],
  ["3.0~0a1b", "3.0~1234", "3.0~1234-r1", "3.0~2345-r0"],
  ["1.0.0_alpha_pre2", "1.0.0_alpha", "1.0.0"],
];

Deno.test("compareVersions() orders as apk does", () => {
  for (const list of ASCENDING) {
    for (const [i, a] of list.entries()) {
      for (const [j, b] of list.entries()) {
        assertEquals(compareVersions(a, b), Math.sign(i - j), `${a} and ${b}`);
      }
    }
  }
});

Deno.test("compareVersions() takes a leading zero as a decimal fraction, but not in front", () => {
  assertEquals(compareVersions("01.2", "1.2"), 0);
  assertEquals(compareVersions("1.01", "1.1"), -1);
  assertEquals(compareVersions("8.2.0015", "8.2.002"), -1);
});

Deno.test("compareVersions() judges versions outside of the grammar by what fits it", () => {
  assertEquals(compareVersions("0.99f7-r0", "0.99f-r0"), -1);
  assertEquals(compareVersions("v1", "v2"), 0);
  assertEquals(compareVersions("1.2.x", "1.3.x"), -1);
});

Deno.test("isVersion() accepts the grammar and nothing else", () => {
  for (const good of ["1", "0.1_pre2~1234abcd", "0.1_p1_pre2", "1.2.3b_rc1-r4", "20240101-r0"]) {
    assert(isVersion(good), good);
  }
  const bad = ["", ".1", "a", "1.", "1..2", "0.1bc", "0.1a1", "0.1a.1", "0.1_pre2~", "0.1_foobar"];
  const ugly = [
    "0.1-r",
    "0.1-r2.1",
    "0.1-r2-r3",
    "0.1-r1~12",
    "0.1_",
    "0.1__alpha",
    "-r1",
    "1 ",
    "1/2",
  ];
  for (const one of [...bad, ...ugly, "1".repeat(257)]) assert(!isVersion(one), one);
});

Deno.test("satisfies() knows every operator", () => {
  const table: [string, Parameters<typeof satisfies>[1], string, boolean][] = [
    ["1.2-r0", "=", "1.2", false],
    ["1.2-r0", "=", "1.2-r0", true],
    ["1.3_rc1", "<", "1.3", true],
    ["1.3", "<", "1.3", false],
    ["1.3", "<=", "1.3", true],
    ["1.3", ">", "1.3", false],
    ["1.3-r1", ">", "1.3", true],
    ["1.3", ">=", "1.3-r0", false],
    ["3.6.9-r4", "~", "3.6", true],
    ["3.6_pre1", "~", "3.6", true],
    ["3.60", "~", "3.6", false],
    ["3.8", "~", "3.8.1", false],
    ["3.5", "<~", "3.6", true],
    ["3.6.7", "<~", "3.6", true],
    ["3.7", "<~", "3.6", false],
    ["3.7", ">~", "3.6", true],
    ["3.5.9", ">~", "3.6", false],
    ["1", "><", "1", false],
  ];
  for (const [version, operator, wanted, holds] of table) {
    assertEquals(satisfies(version, operator, wanted), holds, `${version} ${operator} ${wanted}`);
  }
});

Deno.test("compareVersions() is antisymmetric for whatever it is given", () => {
  const piece = fc.constantFrom("0", "1", "01", "10", ".", "a", "_rc", "_p", "~ab", "-r", "x");
  const version = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
  fc.assert(fc.property(version, version, (a, b) => {
    assertEquals(compareVersions(a, b) + compareVersions(b, a), 0);
    assertEquals(compareVersions(a, a), 0);
  }));
});

Deno.test("versions without end are compared by their beginning, and soon", () => {
  const long = `1${".1".repeat(5_000_000)}`;
  const start = performance.now();
  assertEquals(isVersion(long), false);
  assertEquals(compareVersions(long, `${long}.2`), 0);
  assertEquals(compareVersions(long, "2"), -1);
  assert(performance.now() - start < 10_000);
});
