/** Index and package as abuild 3.15 and later make them; tests/vectors/foreign/apk.sh has made these. */
import { assertEquals, assertThrows } from "@std/assert";
import { openIndex } from "../../../lib/apk/index.ts";
import { openPackage } from "../../../lib/apk/package.ts";
import { splitSignatures } from "../../../lib/apk/signature.ts";
import { text } from "../../../lib/bytes.ts";
import { RefusedError } from "../../../lib/errors.ts";
import { gzipMember } from "../../../lib/formats/gzip.ts";
import {
  checkForeignApk,
  FOREIGN_INDEX,
  FOREIGN_KEY,
  FOREIGN_PACKAGE,
} from "../../support/foreign_apk.ts";

const read = (path: string) => Deno.readFile(`tests/vectors/foreign/apk/${path}`);

Deno.test("openIndex() and openPackage() read what abuild makes", async () => {
  await checkForeignApk(read);
});

Deno.test("splitSignatures() finds a signature behind a pax header without a path", async () => {
  for (const path of [FOREIGN_INDEX, FOREIGN_PACKAGE]) {
    const bytes = await read(path);
    const { data } = gzipMember(bytes, 0, 1 << 16);
    assertEquals(text(data.subarray(0, 37)), `./PaxHeaders/.SIGN.RSA.${FOREIGN_KEY}`);
    assertEquals(text(data.subarray(512, 534)), "11 ctime=0\n11 atime=0\n");
    const { signatures } = splitSignatures(bytes, path);
    assertEquals(signatures.map(({ type, keyFile }) => [type, keyFile]), [["RSA", FOREIGN_KEY]]);
  }
});

Deno.test("openIndex() and openPackage() refuse foreign files after any changed byte", async () => {
  const keys = new Map([[FOREIGN_KEY, text(await read(FOREIGN_KEY))]]);
  const index = await read(FOREIGN_INDEX);
  const [record] = openIndex(index, keys).records;
  const { bodyOffset } = splitSignatures(index, "it");
  for (let at = bodyOffset; at < index.length; at++) {
    const changed = index.slice();
    changed[at]! ^= 1;
    assertThrows(() => openIndex(changed, keys), RefusedError);
  }
  const apk = await read(FOREIGN_PACKAGE);
  for (let at = splitSignatures(apk, "it").bodyOffset; at < apk.length; at++) {
    const changed = apk.slice();
    changed[at]! ^= 1;
    assertThrows(() => openPackage(changed, record!), RefusedError);
  }
});
