import { assertEquals } from "@std/assert";
import type { SshConfig } from "../../../lib/config/ssh.ts";
import { lockout } from "../../../lib/config/ssh_lockout.ts";
import type { UserConfig } from "../../../lib/config/users.ts";

const KEY = { sshKeys: { k: "ssh-ed25519 AAAA x" } };
const PEOPLE: Record<string, UserConfig> = { ann: { ...KEY, groups: { wheel: true } }, bob: {} };
const ROOT: Record<string, UserConfig> = { root: KEY };
const none = "lets none of those in who have a key";

Deno.test("lockout() knows settings by which nobody could log in any more", () => {
  const cases: [SshConfig, Record<string, UserConfig>, string][] = [
    [
      { settings: { PubkeyAuthentication: "no" } },
      PEOPLE,
      "ssh.settings.PubkeyAuthentication is no, and passwords don't count",
    ],
    [{ permitRootLogin: "no" }, ROOT, `ssh.permitRootLogin ${none} (root)`],
    [{ settings: { AllowUsers: "bob root" } }, PEOPLE, `ssh.settings.AllowUsers ${none} (ann)`],
    [{ settings: { allowusers: "bob" } }, PEOPLE, `ssh.settings.AllowUsers ${none} (ann)`],
    [{ settings: { DenyUsers: "ann bob" } }, PEOPLE, `ssh.settings.DenyUsers ${none} (ann)`],
    [{ settings: { DenyUsers: "*" } }, PEOPLE, `ssh.settings.DenyUsers ${none} (ann)`],
    [{ settings: { AllowGroups: "admin" } }, PEOPLE, `ssh.settings.AllowGroups ${none} (ann)`],
    [
      { permitRootLogin: "no", settings: { AllowUsers: "root" } },
      { ...PEOPLE, ...ROOT },
      `ssh.settings.AllowUsers ${none} (ann, root)`,
    ],
  ];
  for (const [ssh, users, reason] of cases) {
    assertEquals(lockout(ssh, users), reason, JSON.stringify(ssh));
  }
});

Deno.test("lockout() says nothing where somebody may get in, or where nobody could anyway", () => {
  const ca = { trustedUserCAs: { ca: "ssh-ed25519 AAAA ca" } };
  const cases: [SshConfig, Record<string, UserConfig>][] = [
    [{}, PEOPLE],
    [{ permitRootLogin: "no" }, { ...PEOPLE, ...ROOT }],
    [{ permitRootLogin: "no" }, {}],
    [{ settings: { PubkeyAuthentication: "no" } }, {}],
    [{ settings: { PubkeyAuthentication: "no" }, passwordAuthentication: true }, PEOPLE],
    [{ settings: { PubkeyAuthentication: "no", KbdInteractiveAuthentication: "yes" } }, PEOPLE],
    [{ settings: { AllowUsers: "bob a*" } }, PEOPLE],
    [{ settings: { AllowUsers: "ann@10.0.0.1" } }, PEOPLE],
    [{ settings: { AllowUsers: "bob" }, ...ca }, PEOPLE],
    [{ settings: { AllowGroups: "wheel" } }, PEOPLE],
    [{ settings: { AllowGroups: "ann" } }, PEOPLE],
    // Which groups root is in is the image's matter.
    [{ settings: { AllowGroups: "wheel" } }, ROOT],
    [{ settings: { DenyUsers: "bob" } }, PEOPLE],
  ];
  for (const [ssh, users] of cases) {
    assertEquals(lockout(ssh, users), undefined, JSON.stringify(ssh));
  }
});
