import { assert, assertEquals, assertThrows } from "@std/assert";
import { compareVersions } from "../../../lib/apk/version.ts";
import { UserError } from "../../../lib/errors.ts";
import { apkVersion } from "../../../lib/lab_packages/version.ts";

Deno.test("apkVersion() turns Debian's forms into apk's", () => {
  const cases = {
    "6.1.192-2": "6.1.192-r2000000",
    "1:9.2p1-2+deb12u10": "9.2_p1-r2001000",
    "1:1.35.0-4+deb12u1+b1": "1.35.0-r4000101",
    "252.39-1~deb12u2": "252.39-r1000200",
    "1:1.2.13.dfsg-1": "1.2.13-r1000000",
    "1.5.4+dfsg2-5": "1.5.4-r5000000",
    "7.6.q-32": "7.6q-r32000000",
    "2:6.2.1+dfsg1-1.1": "6.2.1-r1010000",
    "3.1-20221030-2": "3.1_p20221030-r2000000",
    "20250419~deb12u2": "20250419-r200",
    "1.0~rc2-1": "1.0_rc2-r1000000",
    "0~20171227-0.3+deb12u1": "0_pre20171227-r30100",
  };
  for (const [debian, apk] of Object.entries(cases)) assertEquals(apkVersion(debian), apk);
});

Deno.test("apkVersion() keeps the order of Debian's updates", () => {
  const rising = ["1.0-1", "1.0-1+b1", "1.0-1+deb12u1", "1.0-1+deb12u9", "1.0-1+deb12u10", "1.0-2"];
  for (const [i, version] of rising.slice(1).entries()) {
    const before = rising[i]!;
    assert(compareVersions(apkVersion(before), apkVersion(version)) < 0, `${before} < ${version}`);
  }
});

Deno.test("apkVersion() refuses what has no apk form", () => {
  assertThrows(() => apkVersion("final-1"), UserError, "it has no apk form");
  assertThrows(() => apkVersion("1.0-rc"), UserError, "it has no apk form");
});
