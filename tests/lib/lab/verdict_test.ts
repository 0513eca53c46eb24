import { assertEquals } from "@std/assert";
import { sha256Hex, utf8 } from "../../../lib/bytes.ts";
import { PRIVATE_DIGEST } from "../../../lib/config/key.ts";
import type { Status } from "../../../lib/documents/status.ts";
import { type Demands, differences } from "../../../lib/lab/verdict.ts";
import { exampleStatus } from "../../support/status.ts";

const CONFIG = {
  users: {
    lab: {
      uid: 1000,
      groups: { wheel: true as const, adm: true as const },
      sshKeys: { k1: "ssh-ed25519 AAAA x" },
    },
  },
  files: {
    "/etc/motd": { content: "hi\n" },
    "/etc/key": { content: "AQI=", encoding: "base64" as const, mode: "0600", owner: "lab" },
  },
  scripts: { hello: { run: "echo hello" } },
};

function status(): Status {
  return exampleStatus({
    image: { version: "1", kernel: "6.1" },
    observed: {
      hostname: "alpha",
      users: [{
        name: "lab",
        uid: 1000,
        groups: ["adm", "wheel"],
        sshKeys: ["ssh-ed25519 AAAA x"],
      }],
      files: [
        {
          path: "/etc/motd",
          sha256: sha256Hex(utf8("hi\n")),
          mode: "0644",
          owner: "root",
          group: "root",
        },
        {
          path: "/etc/key",
          sha256: sha256Hex(new Uint8Array([1, 2])),
          mode: "0600",
          owner: "lab",
          group: "root",
        },
      ],
      scripts: [{ name: "hello", exitCode: 0, outputSha256: PRIVATE_DIGEST }],
    },
  });
}

const DEMANDS: Demands = {
  node: "alpha",
  config: CONFIG,
  shown: CONFIG,
  serial: 7,
  source: "site",
  imageVersion: "1",
};

Deno.test("differences() finds none where all is as demanded", () => {
  assertEquals(differences(status(), DEMANDS), []);
});

Deno.test("differences() names every difference", () => {
  assertEquals(differences(undefined, DEMANDS), ["no status document"]);
  const bad = status();
  bad.phase = "degraded";
  bad.serial = 6;
  bad.problem = {
    check: "expired",
    message: "too old",
    since: bad.updated,
    attempts: 1,
  };
  bad.observed!.hostname = "other";
  bad.observed!.users = [];
  bad.observed!.files![0]!.sha256 = "00";
  bad.observed!.files!.length = 1;
  bad.observed!.scripts![0]!.exitCode = 1;
  assertEquals(differences(bad, DEMANDS), [
    'phase is "degraded", must be "configured"',
    "serial is 6, must be 7",
    "problem: expired: too old",
    'hostname is "other", must be "alpha"',
    "user lab is missing",
    `file /etc/motd: SHA-256 is "00", must be "${sha256Hex(utf8("hi\n"))}"`,
    "file /etc/key is missing",
    "script hello: exit code is 1, must be 0",
  ]);
});

Deno.test("differences() compares mode, groups and keys", () => {
  const bad = status();
  bad.observed!.files![1]!.mode = "0644";
  bad.observed!.users![0]!.groups = ["wheel"];
  bad.observed!.users![0]!.sshKeys = [];
  assertEquals(differences(bad, DEMANDS).length, 3);
});

Deno.test("differences() says what a node told nothing of", () => {
  const silent = status();
  delete silent.observed!.files;
  assertEquals(differences(silent, DEMANDS), ["nothing was observed of files"]);
  delete silent.observed;
  assertEquals(differences(silent, DEMANDS), ["nothing was observed"]);
});

Deno.test("differences() leaves what only the node may know to the node", () => {
  const shown = { ...CONFIG, files: { "/etc/motd": CONFIG.files["/etc/motd"] } };
  const demands = { ...DEMANDS, shown: { ...shown, scripts: CONFIG.scripts } };
  const hidden = status();
  assertEquals(differences(hidden, demands).length, 1, "a node that gives it away");
  hidden.observed!.files![1]!.sha256 = PRIVATE_DIGEST;
  assertEquals(differences(hidden, demands), []);
  hidden.observed!.files![0]!.sha256 = PRIVATE_DIGEST;
  assertEquals(differences(hidden, demands).length, 1, "a node that hides what is public");
});
