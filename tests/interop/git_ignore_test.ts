/** What tasks leave behind in a fleet's own repository, as git sees it. */
import { assertEquals } from "@std/assert";
import { alone, lockIn } from "../../lib/cli/alone.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { judgedTest } from "../support/tools.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const host = new DenoHost();

judgedTest(
  "a copy of nodes/ in a repository of its own stays clean",
  ["git", "cp"],
  async (dir) => {
    const run = async (...command: string[]) => {
      const { code, stdout, stderr } = await host.run(command, { cwd: dir });
      const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      assertEquals([code, decode(stderr)], [0, ""], command.join(" "));
      return decode(stdout);
    };
    await run("cp", "-r", `${ROOT}nodes`, "fleet");
    await host.remove(`${dir}/fleet/.lock`);
    await run("git", "-c", "init.defaultBranch=main", "init", "--quiet");
    const author = [
      "-c",
      "user.name=T",
      "-c",
      "user.email=t@example.org",
      "-c",
      "commit.gpgSign=false",
    ];
    await run("git", "add", ".");
    await run("git", ...author, "commit", "--quiet", "--message", "The fleet");
    const lock = lockIn(`${dir}/fleet`);
    await alone(host, lock, { doing: "test", command: "test" }, () => Promise.resolve());
    assertEquals((await host.stat(lock))?.kind, "file");
    assertEquals(await run("git", "status", "--porcelain"), "");
  },
);
