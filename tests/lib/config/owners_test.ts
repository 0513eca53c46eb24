import { assertEquals } from "@std/assert";
import { APPLIED_NAMES, KEYS, mergedProblems } from "../../../lib/config/mod.ts";
import { AGENT_OWNS, type Claim, Owners } from "../../../lib/config/owners.ts";

const file = { content: "" };

Deno.test("the build refuses files that belong to the agent or to a key, and no others", () => {
  const paths = [
    ["/etc/passwd", "the key users"],
    ["/etc/hosts", "the key hosts"],
    ["/etc/ssh/authorized_keys.d/ops", "the key users"],
    ["/run/psyopsos/status.json", "the agent itself"],
    ["/run/psyopsos", "the agent itself"],
  ];
  const others = ["/run/psyopsos-other", "/etc/passwd-", "/etc/ssh/sshd_config.d/10.conf"];
  const files = Object.fromEntries(
    [...paths.map(([path]) => path!), ...others].map((path) => [path, file]),
  );
  assertEquals(
    mergedProblems({ files }).filter(({ message }) => message.includes("belongs to")),
    paths.map(([path, owner]) => ({
      path: ["files", path!],
      message: `files.${path}: the path ${path} belongs to ${owner}`,
    })),
  );
});

Deno.test("no two keys own the same, nor what is the agent's", () => {
  const owners = new Owners();
  const claim = (one: Claim, owner: string) =>
    assertEquals(owners.add(one, owner), undefined, one.join(" "));
  for (const one of AGENT_OWNS) claim(one, "agent");
  for (const name of APPLIED_NAMES) {
    for (const one of (KEYS[name] as { owns?: readonly Claim[] }).owns ?? []) claim(one, name);
  }
});
