/**
 * Tests that need a foreign program say so with {@linkcode needTool}: at a desk they are skipped when it is missing, in
 * CI they fail, so that a judge can't go missing unnoticed.
 */

/** Where programs are looked for beside PATH: administrators' tools are not on an ordinary user's. */
const ALSO = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

/** Whether CI's strictness applies. */
export function inCi(): boolean {
  return Deno.env.get("CI") === "true";
}

/** Full path of a program, undefined when it is missing. */
export function toolPath(name: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), ...ALSO];
  return folders.filter(Boolean).map((folder) => `${folder}/${name}`).find(isFile);
}

/**
 * Spread into a test's definition: `Deno.test({ name, ...needTool("minisign", "age"), fn })`.
 * A name with a slash is a file that must exist.
 *
 * @throws {Error} under CI=true when one is missing.
 */
export function needTool(...names: string[]): { ignore: boolean } {
  const missing = names.filter((name) =>
    name.includes("/") ? !isFile(name) : toolPath(name) === undefined
  );
  if (missing.length > 0 && inCi()) {
    throw new Error(`Cannot test: ${missing.join(", ")} missing, which CI must have`);
  }
  return { ignore: missing.length > 0 };
}

/** Spread into a test's definition that only root can run; CI is root. */
export function needRoot(): { ignore?: true } {
  if (Deno.uid() === 0) return {};
  if (inCi()) throw new Error("Cannot test: only root can, which CI must be");
  return { ignore: true };
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A test that foreign programs judge, in a folder of its own. */
export function judgedTest(
  name: string,
  tools: readonly string[],
  body: (dir: string) => Promise<void>,
  { root = false }: { root?: boolean } = {},
): void {
  Deno.test({
    name,
    ...needTool(...tools),
    ...root ? needRoot() : {},
    fn: async () => {
      const dir = await Deno.makeTempDir();
      try {
        await body(dir);
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });
}
