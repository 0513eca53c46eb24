import { assertEquals } from "@std/assert";
import { closureProblems } from "../../../../tasks/dev/gate/agent_closure.ts";

const graph = (modules: Record<string, string[]>) =>
  JSON.stringify({
    modules: Object.entries(modules).map(([path, packages]) => ({
      specifier: `file:///p/${path}`,
      dependencies: packages.map((name) => ({ specifier: name, code: { specifier: name } })),
    })),
  });

Deno.test("closureProblems() accepts what an agent needs", () => {
  const info = graph({
    "agent/main.ts": [],
    "lib/trust/minisign.ts": ["npm:/deno-std@1.4.0/encoding/hex.js", "npm:valibot@1.5.0"],
    "lib/documents/site.ts": ["npm:valibot@1.5.0"],
  });
  assertEquals(closureProblems(info, "/p/"), []);
});

Deno.test("closureProblems() names signer, solver, builder, site and foreign packages", () => {
  const info = graph({
    "agent/main.ts": ["npm:aws4fetch@1.0.20"],
    "lib/trust/minisign_sign.ts": [],
    "lib/apk/solver.ts": [],
    "site/build/build.ts": [],
  });
  assertEquals(closureProblems(info, "/p/"), [
    "agent/main.ts brings the package aws4fetch into the agent",
    "lib/apk/solver.ts must not be in the agent",
    "lib/trust/minisign_sign.ts must not be in the agent",
    "site/build/build.ts must not be in the agent",
  ]);
});
