/** The agent's rights as a real Deno takes them: what they allow, and what is said where one of them is missing. */
import { assert, assertEquals } from "@std/assert";
import { RIGHTS } from "../../../lib/agent_build/rights.ts";

const ROOT = new URL("../../../", import.meta.url).pathname;

/** Does one thing with the right that is asked for, through the agent's own host; prints what came of it. */
const PROBE = `
import { DenoHost } from "${ROOT}lib/deno_host.ts";
import { run } from "${ROOT}agent/system/programs.ts";
import { troubleOf } from "${ROOT}agent/report/problem.ts";
const [what, path] = Deno.args;
const host = new DenoHost();
const acts = {
  read: () => host.readFile(path),
  write: () => host.writeFile(path, "x"),
  run: async () => console.log((await run(host, path.split(" "))).code),
  net: () => host.fetch("http://127.0.0.1:1024/"),
  sys: async () => host.uptime(),
  later: async () => {
    const code = async () => (await run(host, ["later"])).code;
    console.log(await code());
    await run(host, ["/bin/sh", "-c", "cp /bin/true " + path]);
    console.log(await code());
  },
};
try { await acts[what](); console.log("done"); } catch (error) { console.log(troubleOf(error, "x").message); }
`;

async function probe(
  rights: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/probe.ts`, PROBE);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--quiet", `--config=${ROOT}deno.json`, "--no-lock"]
        .concat(rights, `${dir}/probe.ts`, args),
      env: { NO_COLOR: "1", ...env },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trim());
    assertEquals(err, "");
    return out!.split("\n");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("a right that is taken away is named, with what can't be done without it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const wanted: [right: string, args: string[], message: string][] = [
      ["--allow-read", ["read", `${dir}/x`], `Cannot read ${dir}/x`],
      ["--allow-write", ["write", `${dir}/x`], `Cannot write `],
      ["--allow-run", ["run", "/bin/sh -c :"], "Cannot run /bin/sh"],
      ["--allow-net", ["net"], "Cannot connect to "],
      ["--allow-sys", ["sys"], "Cannot ask the system for osUptime"],
    ];
    for (const [right, args, message] of wanted) {
      const fewer = RIGHTS.filter((one) => one.split("=")[0] !== right);
      assertEquals(fewer.length, RIGHTS.length - 1, right);
      const [said = ""] = await probe(fewer, args);
      assert(said.startsWith(message), `${right}: ${said}`);
      const state = `this program was started without the right to (${right})`;
      assert(said.endsWith(`: ${state}`), `${right}: ${said}`);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a program that is installed later runs by its bare name, as one does behind a link", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.symlink("/bin/true", `${dir}/linked`);
    const rights = ["--allow-read", "--allow-write"];
    const run = `--allow-run=/bin/sh,${dir}/later,${dir}/linked`;
    const env = { PATH: `${dir}:/usr/bin:/bin` };
    assertEquals(await probe([...rights, run], ["later", `${dir}/later`], env), [
      "127",
      "0",
      "done",
    ]);
    assertEquals(await probe([...rights, run], ["run", "linked"], env), ["0", "done"]);
    // The same name in a folder that is not listed is no program of the system's.
    const [said] = await probe(
      [...rights, `--allow-run=${dir}/other/linked`],
      ["run", "linked"],
      env,
    );
    assertEquals(
      said,
      "Cannot run linked: this program was started without the right to (--allow-run)",
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
