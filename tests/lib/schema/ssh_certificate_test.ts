import { assert, assertEquals, assertMatch } from "@std/assert";
import { isCertificateOf, parseHostCertificate } from "../../../lib/schema/ssh_certificate.ts";
import { derivedTestCertificate } from "../../support/ssh_certificate.ts";

const { line, publicLine } = derivedTestCertificate(1);

Deno.test("parseHostCertificate() gives the key that a certificate is about", () => {
  assertEquals(parseHostCertificate(line), { key: publicLine.split(" ")[1]! });
  assert(isCertificateOf(line, publicLine));
  assert(!isCertificateOf(line, derivedTestCertificate(2).publicLine));
});

Deno.test("parseHostCertificate() refuses keys, certificates of people, and what is cut off anywhere", () => {
  const problemOf = (given: string) => {
    const parsed = parseHostCertificate(given);
    return "problem" in parsed ? parsed.problem : "taken";
  };
  assertMatch(problemOf(publicLine), /^must be the certificate of an ed25519 host key/);
  assertMatch(problemOf(""), /^must be the certificate/);
  assertMatch(problemOf(`${line}\n${line}`), /^must be the certificate/);
  assertMatch(problemOf(derivedTestCertificate(1, 1).line), /^must be the certificate of a host,/);
  const [type, blob = ""] = line.split(" ");
  const whole = atob(blob).length;
  // The key's name and what follows is not looked at.
  for (let length = 0; length < whole - 6; length++) {
    const cut = btoa(atob(blob).slice(0, length));
    assertMatch(problemOf(`${type} ${cut}`), /^must be the certificate/, `${length} bytes`);
  }
});
