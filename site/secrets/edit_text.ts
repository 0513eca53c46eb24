/**
 * Lets a person change a secret text in their editor. Beside memory it is only in a file that nobody else can read, in a
 * directory that nobody else can enter, in RAM where there is such a place; both are removed whatever happens.
 *
 * @module
 */
import { EXIT, UserError } from "../../lib/errors.ts";
import { type Host, NO_PROGRAM } from "../../lib/host.ts";

/** A file system in RAM that everyone may write to. The user's own, XDG_RUNTIME_DIR, is taken before it. */
const IN_MEMORY = "/dev/shm";

/** Runs `body`, and removes `dir` should the process be ended meanwhile. */
export type Guard = <T>(dir: string, body: () => Promise<T>) => Promise<T>;

/**
 * What a person makes of `before`. Where it did not end in a newline, the one that editors add is taken away.
 *
 * @throws {UserError} when the editor fails; what was written is lost then.
 */
export async function editText(host: Host, before: string, guard: Guard): Promise<string> {
  const editor = host.env("VISUAL") || host.env("EDITOR") || "vi";
  const dir = `${await placeFor(host)}/psyopsos-secret-${crypto.randomUUID()}`;
  const file = `${dir}/secret`;
  return await guard(dir, async () => {
    try {
      await host.mkdir(dir, { mode: 0o700 });
      await host.writeFile(file, before, { mode: 0o600 });
      // By the shell, as git does: the variable may hold options.
      const command = ["sh", "-c", `${editor} "$1"`, "sh", file];
      const { code } = await host.run(command, { terminal: true });
      if (code !== 0) {
        throw new UserError("edit the secret", `the editor ended with ${code}`, {
          hint: "nothing was changed; EDITOR names the editor",
          ...code === NO_PROGRAM && { exitCode: EXIT.missing },
        });
      }
      const after = await readBack(host, file);
      return before !== "" && !before.endsWith("\n") ? after.replace(/\r?\n$/, "") : after;
    } finally {
      await host.remove(dir);
    }
  });
}

/** A directory in RAM, else the one for temporary files. */
async function placeFor(host: Host): Promise<string> {
  for (const place of [host.env("XDG_RUNTIME_DIR"), IN_MEMORY]) {
    if (!place) continue;
    try {
      if ((await host.stat(place))?.kind === "directory") return place;
    } catch {
      // Deno keeps /dev from programs that may not do everything.
      continue;
    }
  }
  return host.env("TMPDIR") || "/tmp";
}

async function readBack(host: Host, file: string): Promise<string> {
  try {
    return await host.readTextFile(file);
  } catch (error) {
    throw new UserError("edit the secret", "the editor left no text file", { cause: error });
  }
}
