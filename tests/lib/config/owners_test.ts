import { assertEquals } from "@std/assert";
import { APPLIED_NAMES, KEYS, mergedProblems } from "../../../lib/config/mod.ts";
import { AGENT_OWNS, type Claim, Owners } from "../../../lib/config/owners.ts";

const file = { content: "" };

Deno.test("the build refuses files that belong to the agent or to a key, and no others", () => {
  const paths = [
    ["/etc/passwd", "the key users"],
    ["/etc/hosts", "the key hosts"],
    ["/etc/group", "the key groups"],
    ["/etc/doas.conf", "the key doas"],
    ["/etc/ssh/sshd_config.d/10-psyopsos.conf", "the key ssh"],
    ["/etc/ssh/trusted_user_cas", "the key ssh"],
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

Deno.test("the build refuses a path that files, directories and links want twice, and what would lie below a file or link", () => {
  const link = { target: "/x" };
  const problems = mergedProblems({
    directories: { "/a": {}, "/a/b": {}, "/f/sub": {}, "/etc/passwd": {}, "/run/psyopsos": {} },
    files: { "/a": file, "/a/b/c": file, "/f": file, "/l/x/y": file },
    links: { "/a/b/c": link, "/l": link, "/a/b/l": link },
  });
  assertEquals(problems.map(({ path, message }) => [path.join(" "), message]), [
    [
      "directories /etc/passwd",
      "directories./etc/passwd: the path /etc/passwd belongs to the key users",
    ],
    [
      "directories /run/psyopsos",
      "directories./run/psyopsos: the path /run/psyopsos belongs to the agent itself",
    ],
    ["files /a", "files./a: the path /a belongs to directories./a"],
    ["links /a/b/c", "links./a/b/c: the path /a/b/c belongs to files./a/b/c"],
    ["directories /a/b", "directories./a/b: nothing can lie below /a, which is files./a"],
    ["directories /f/sub", "directories./f/sub: nothing can lie below /f, which is files./f"],
    ["files /a/b/c", "files./a/b/c: nothing can lie below /a, which is files./a"],
    ["files /l/x/y", "files./l/x/y: nothing can lie below /l, which is links./l"],
    ["links /a/b/c", "links./a/b/c: nothing can lie below /a, which is files./a"],
    ["links /a/b/l", "links./a/b/l: nothing can lie below /a, which is files./a"],
  ]);
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
