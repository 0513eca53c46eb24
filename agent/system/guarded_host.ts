/**
 * A host that neither looks into mounts over the network, which may never answer, nor looks or writes below a mount that is
 * not there: what is written in its place would be hidden by it later, and gone with the next boot.
 *
 * @module
 */
import type { Host } from "../../lib/host.ts";
import { barrierAt, type Mount, readMounts } from "./mounts.ts";
import { STORAGE } from "./paths.ts";

/** Which arguments of each method are paths. A method that is not listed does not compile. */
const PATHS = {
  readFile: [0],
  readTextFile: [0],
  readChunks: "pieces",
  writeFile: [0],
  placeFile: [0],
  placeDirectory: [0],
  placeLink: [0],
  removeEntry: [0],
  removeLeftovers: [0],
  readRegular: [0],
  writeExtents: [0],
  sync: [0],
  lock: [0],
  mkdir: [0],
  remove: [0],
  rename: [0, 1],
  symlink: [1],
  readLink: [0],
  realPath: [0],
  chmod: [0],
  chown: [0],
  stat: [0],
  readDir: [0],
  run: "program",
  spawn: [],
  fetch: [],
  askUdp: [],
  now: [],
  uptime: [],
  sleep: [],
  greeting: [],
  env: [],
} as const satisfies { readonly [Method in keyof Host]: readonly number[] | "pieces" | "program" };

/** Programs that change what is mounted. */
const MOUNTING: readonly (string | undefined)[] = ["mount", "umount", STORAGE];

type Method = (...args: unknown[]) => unknown;

/**
 * `host` as it is to be used while a node is brought into line. What is mounted is read once, and again after the agent has
 * changed it. What is barred gives a {@linkcode BarredError}.
 *
 * @param points Where something is to be mounted.
 */
export function guardedHost(host: Host, points: readonly string[]): Host {
  let known: Promise<readonly Mount[]> | undefined;
  const pass = async (paths: readonly unknown[]) => {
    // Where it can't be read, all that is to be mounted counts as absent.
    known ??= readMounts(host).catch(() => []);
    for (const path of paths) {
      const barrier = barrierAt(String(path), await known, points);
      if (barrier) throw barrier;
    }
  };
  const guarded = (method: Method, kind: typeof PATHS[keyof Host]): Method => {
    switch (kind) {
      case "pieces":
        return async function* (...args) {
          await pass(args.slice(0, 1));
          yield* method.apply(host, args) as AsyncIterable<unknown>;
        };
      case "program":
        return async (...args) => {
          const [command] = args as Parameters<Host["run"]>;
          try {
            return await method.apply(host, args);
          } finally {
            if (MOUNTING.includes(command[0])) known = undefined;
          }
        };
      default:
        return async (...args) => {
          await pass(kind.map((at) => args[at]));
          return await method.apply(host, args);
        };
    }
  };
  return new Proxy(host, {
    get(target, name) {
      const kind = PATHS[name as keyof Host] as typeof PATHS[keyof Host] | undefined;
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      if (kind === undefined || kind.length === 0) return member.bind(target);
      return guarded(member as Method, kind);
    },
  });
}
