/** A home on a real file system, and an account that changes it while it is worked in. */

const UID = Deno.uid()!;
const GID = Deno.gid()!;
/** The account; root can hand things over to it, others are it themselves. */
const ACCOUNT = UID === 0 ? 1000 : UID;

/** Who tests write as. */
export const OWNER = { mode: 0o640, uid: UID, gid: GID };

/** A home with a directory `conf` of the account's, and a directory that is none of its business. */
export async function withHome(
  body: (home: string, other: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${dir}/home/conf`, { recursive: true });
    await Deno.mkdir(`${dir}/other`);
    for (const path of ["home", "home/conf"]) await Deno.chown(`${dir}/${path}`, ACCOUNT, GID);
    await body(`${dir}/home`, `${dir}/other`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Runs a shell script over and over in `home`, beside `body`. */
export async function besides(
  home: string,
  script: string,
  body: () => Promise<void>,
): Promise<void> {
  // Each round ends as it began, so that the last one leaves things in order.
  const loop = `while [ -d run ]; do ${script}; done`;
  await Deno.mkdir(`${home}/run`);
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", loop],
    cwd: home,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await body();
  } finally {
    await Deno.remove(`${home}/run`);
    await child.status;
  }
}

/** Names in a directory, sorted. */
export async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();
}
