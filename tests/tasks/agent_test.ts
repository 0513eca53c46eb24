import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readAgent } from "../../lib/agent_build/store.ts";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { main } from "../../tasks/agent.ts";
import { main as imageMain } from "../../tasks/image.ts";

async function run(task: typeof main, ...args: string[]) {
  const said = { out: [] as string[], err: [] as string[] };
  const code = await task(args, new DenoHost(), {
    out: (line) => said.out.push(line),
    err: (line) => said.err.push(line),
  });
  return { code, out: said.out.join("\n"), err: said.err.join("\n") };
}

Deno.test("deno task agent --help names forms, runtime and network", async () => {
  const { code, out } = await run(main, "--help");
  assertEquals(code, EXIT.ok);
  for (const word of ["musl", "glibc", "bundle", "DENORT_BIN", "Network:", "--deno PATH"]) {
    assertStringIncludes(out, word);
  }
});

Deno.test("deno task agent and image refuse command lines they do not understand", async () => {
  const cases: [typeof main, string[], string][] = [
    [main, ["--form", "gibc"], "--form: it must be auto, musl, glibc, bundle; did you mean glibc?"],
    [main, ["--arch", "sparc"], "--arch: it must be x86_64, aarch64"],
    [main, ["now"], "Unexpected option or argument: now"],
    [
      imageMain,
      ["--agent-form", "bundel"],
      "--agent-form: it must be auto, musl, glibc, bundle; did you mean bundle?",
    ],
    [imageMain, ["--agent-form", "musl", "--agent-dir", "x"], "exclude each other"],
  ];
  for (const [task, args, expected] of cases) {
    const { code, err } = await run(task, ...args);
    assertEquals([code, err.includes(expected)], [EXIT.usage, true], err);
  }
  const { code, err } = await run(imageMain, "--agent-dir", "/nonexistent", "--lab");
  assertEquals(code, EXIT.failed);
  assertStringIncludes(err, "Cannot use the agent in /nonexistent: there is no agent.json");
});

Deno.test("deno task agent writes an agent that images can take", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const args = ["--form", "bundle", "--out", `${dir}/agent/`, "--json"];
    const { code, out, err } = await run(main, ...args);
    assertEquals(code, EXIT.ok, err);
    const facts = JSON.parse(out);
    const agent = await readAgent(new DenoHost(), `${dir}/agent`);
    assertEquals(
      [facts.form, facts.version, facts.commit, facts.packages],
      ["bundle", agent.version, agent.commit, ["deno"]],
    );
    const path = "usr/lib/psyopsos/agent.js";
    const { data } = agent.files.get(path)!;
    assertEquals([facts.files[0].path, facts.files[0].size], [path, data.length]);
    const first = text(data.subarray(0, data.indexOf(10)));
    assertStringIncludes(first, `"commit":"${agent.commit}","form":"bundle"`);
    const version = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--allow-read", `${dir}/agent/root/${path}`, "--version"],
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(
      text(version.stdout),
      `psyopsos-agent ${agent.version} (${agent.commit}, bundle)\n`,
    );
    assert(!await new DenoHost().stat(`${dir}/agent/root/usr/lib/psyopsos/agent`));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
