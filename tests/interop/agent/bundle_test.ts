/** The bundle as the image has it, run by the wrapper's own line. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { AGENT_BUNDLE_PATH, bundleAgent } from "../../../lib/agent_build/bundle.ts";
import { DenoHost } from "../../../lib/deno_host.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;
const deno = Deno.execPath();
const bundled = await bundleAgent(new DenoHost(), { root: ROOT, deno, commit: "test" });

/** Runs the wrapper in a folder that stands for the node's root. */
async function agent(dir: string, ...args: string[]) {
  const lib = `${dir}/usr/lib/psyopsos`;
  await Deno.mkdir(lib, { recursive: true });
  for (const [path, { data }] of bundled) await Deno.writeFile(`${dir}/${path}`, data);
  const wrapper = (await Deno.readTextFile(`${ROOT}overlay/root/usr/bin/psyopsos-agent`))
    .replace("DENO_DIR=/run/psyopsos/deno", `DENO_DIR=${dir}/cache`)
    .replace("lib=/usr/lib/psyopsos", `lib=${lib}`)
    .replace("exec deno run", `exec ${deno} run`);
  await Deno.writeTextFile(`${dir}/agent`, wrapper, { mode: 0o755 });
  const result = await new Deno.Command("/bin/sh", { args: [`${dir}/agent`, ...args] }).output();
  const decoder = new TextDecoder();
  return {
    code: result.code,
    out: decoder.decode(result.stdout),
    err: decoder.decode(result.stderr),
  };
}

async function withDir(body: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await body(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("bundleAgent() gives the same bytes from any folder", async () => {
  const again = await bundleAgent(new DenoHost(), {
    root: ROOT.replace(/\/$/, ""),
    deno,
    commit: "test",
  });
  assertEquals(again, bundled);
  const text = new TextDecoder().decode(bundled.get(AGENT_BUNDLE_PATH)!.data);
  assert(!text.includes(ROOT), "no path of the builder's machine");
  assert(text.length < 400_000, `${text.length} bytes`);
});

Deno.test("the wrapper runs the bundle with less than all rights", async () => {
  await withDir(async (dir) => {
    const help = await agent(dir, "--help");
    assertEquals(help.code, 0, help.err);
    assertStringIncludes(help.out, "psyopsos-agent VERB");
    const wrong = await agent(dir, "fly");
    assertEquals(wrong.code, 2);
    assertMatch(wrong.err, /unknown verb fly/);
    const wrapper = await Deno.readTextFile(`${dir}/agent`);
    for (const right of ["--allow-all", "-A", "--allow-ffi", "--allow-env", "--allow-sys"]) {
      assert(!wrapper.includes(`${right} `), right);
    }
    for (const flag of ["--no-remote", "--no-npm", "--cached-only", "--no-prompt"]) {
      assertStringIncludes(wrapper, flag);
    }
  });
});

Deno.test("the bundle asks for no right that the wrapper does not give", async () => {
  await withDir(async (dir) => {
    // Ends for want of a status, after everything has been loaded.
    const status = await agent(dir, "status", "--json");
    assert(status.code === 0 || /has not written one yet/.test(status.err), status.err);
    assert(!/NotCapable|Requires/.test(status.err), status.err);
  });
});
