/**
 * The rules of doas. Alpine's reads `/etc/doas.conf`, which must be there, and then `/etc/doas.d/*.conf`; others read the file
 * alone. So the rules stand in the file. doas judges them aside before they are placed.
 *
 * @module
 */
import { toldOf } from "../../lib/config/key.ts";
import { type DoasRule, doasText } from "../../lib/config/doas.ts";
import { complaintOf, firstLine } from "../../lib/complaint.ts";
import { UserError } from "../../lib/errors.ts";
import type { Host } from "../../lib/host.ts";
import { installFile } from "../system/install_file.ts";
import { RUN_DIR } from "../system/paths.ts";
import { run } from "../system/programs.ts";
import { readFacts } from "../system/read_file.ts";
import type { KeyResource, Step } from "./resource.ts";

const FILE = "/etc/doas.conf";
const PROGRAM = "/usr/bin/doas";
/** Where rules are judged: out of reach for every account. */
const CANDIDATE = `${RUN_DIR}/doas.conf`;
const FACTS = { mode: 0o400, uid: 0, gid: 0 };
/** Longest file that is looked at, in bytes; a longer one is not ours. */
const MAX_BYTES = 4 * 1024 * 1024;

interface Actual {
  /** Whether the image has doas. */
  program: boolean;
  /** Whether the configuration says something of it. */
  asked: boolean;
  /** Content of the file, where it has the right mode and owner. */
  text: string | undefined;
}

interface Change extends Step {
  /** Undefined: the image lacks doas. */
  readonly rules: readonly DoasRule[] | undefined;
}

export const doas: KeyResource<"doas", Actual, Change> = {
  async read(host, _wanted, { config }) {
    const { text, isRight } = await readFile(host);
    return {
      program: await host.stat(PROGRAM) !== undefined,
      asked: config.doas !== undefined,
      text: isRight ? text : undefined,
    };
  },

  plan(rules, { program, asked, text }) {
    if (!program) return asked ? [{ rules: undefined, text: "set the rules of doas" }] : [];
    return text === doasText(rules) ? [] : [{ rules, text: "set the rules of doas" }];
  },

  async apply({ rules, text: doing }, host) {
    if (!rules) throw new UserError(doing, "this image lacks doas");
    const text = doasText(rules);
    await host.mkdir(RUN_DIR, { mode: 0o700 });
    await host.writeFile(CANDIDATE, text, { mode: 0o600, sync: false });
    try {
      const result = await run(host, ["doas", "-C", CANDIDATE]);
      if (result.code !== 0) {
        throw new UserError(doing, refusal(complaintOf(result, firstLine), rules));
      }
    } finally {
      await host.remove(CANDIDATE);
    }
    await installFile(host, FILE, text, FACTS);
  },

  async observe(host, wanted, shown) {
    const { text } = await readFile(host);
    return toldOf(text ?? "", doasText(wanted), doasText(shown));
  },
};

async function readFile(host: Host): Promise<{ text?: string; isRight: boolean }> {
  const found = await readFacts(host, FILE, MAX_BYTES);
  if (!found?.data) return { isRight: false };
  const { mode, uid, gid } = found.info;
  const isRight = mode === FACTS.mode && uid === FACTS.uid && gid === FACTS.gid;
  return { text: new TextDecoder().decode(found.data), isRight };
}

/** What doas complains of, with the name of the rule: it tells the line alone. */
function refusal(complaint: string, rules: readonly DoasRule[]): string {
  const line = Number(/ line (\d+)/.exec(complaint)?.[1]);
  const name = rules[line - 1]?.name;
  return name === undefined ? complaint : `${complaint} (the rule ${name})`;
}
