import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { parseSecretName, secretName } from "../../../site/secrets/secret_path.ts";

const NAMES: [string, (string | number)[]][] = [
  ["hostname", ["hostname"]],
  ["report.url", ["report", "url"]],
  ["files./etc/a.b/c.conf.content", ["files", "/etc/a.b/c.conf", "content"]],
  ["files./etc/x.content.content", ["files", "/etc/x.content", "content"]],
  ["scripts.a.b.run", ["scripts", "a.b", "run"]],
  ["hosts.fd00::5.0", ["hosts", "fd00::5", 0]],
  ["hosts.10.0.0.5.1", ["hosts", "10.0.0.5", 1]],
  ["users.ops.sshKeys.0", ["users", "ops", "sshKeys", "0"]],
];
for (const [name, path] of NAMES) {
  Deno.test(`parseSecretName() reads ${name}`, () => {
    assertEquals(parseSecretName(name), ["private", ...path]);
    assertEquals(parseSecretName(`private.${name}`), ["private", ...path]);
    assertEquals(secretName(["private", ...path]), name);
  });
}

const WRONG: [string, string][] = [
  ["", "unknown key"],
  ["hostnam", "unknown key hostnam, did you mean hostname?"],
  ["report", "it names a group of values: go on with .url"],
  ["hostname.x", "hostname is a single value"],
  ["files./etc/x", "it names a group of values: go on with .content"],
  ["files./etc/x.contnt", "unknown key contnt, did you mean content?"],
  ["files.etc/x.content", "must be an absolute path"],
  ["users.OPS.uid", "must be an account name"],
  ["hosts.fd00::5.first", "is a list: its items are numbered from 0"],
  ["__proto__.x", "unknown key __proto__"],
];
for (const [name, message] of WRONG) {
  Deno.test(`parseSecretName() refuses ${name || "nothing"}`, () => {
    const error = assertThrows(() => parseSecretName(name), UserError);
    assertStringIncludes(error.message, message);
    assertEquals(error.exitCode, EXIT.usage);
  });
}
