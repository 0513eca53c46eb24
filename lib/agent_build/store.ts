/**
 * A finished agent as a folder, so that it can be made on one machine and put into images on another: `agent.json` and,
 * below `root/`, the files where they will be in the image.
 *
 * @module
 */
import * as v from "valibot";
import { sha256Hex } from "../bytes.ts";
import { errorText, UserError } from "../errors.ts";
import { safePath } from "../formats/tar.ts";
import type { Host } from "../host.ts";
import { canonicalJson } from "../json.ts";
import { replaceFolder } from "../replace_folder.ts";
import { architecture } from "../schema/fields.ts";
import type { ImageFile } from "./bundle.ts";
import { AGENT_FORMS } from "./forms.ts";
import type { BuiltAgent } from "./make.ts";

const word = v.pipe(v.string(), v.maxLength(200), v.regex(/^[\x21-\x7e]+$/));
const schema = v.strictObject({
  agent: v.literal(1),
  version: word,
  commit: word,
  form: v.picklist(AGENT_FORMS),
  arch: architecture,
  why: v.pipe(v.string(), v.maxLength(2000)),
  packages: v.pipe(v.array(word), v.maxLength(100)),
  contains: v.pipe(
    v.array(v.strictObject({ name: word, version: word, purl: word })),
    v.maxLength(100),
  ),
  files: v.pipe(
    v.array(v.strictObject({
      path: v.pipe(v.string(), v.check(safePath)),
      mode: v.picklist(["0644", "0755"]),
      size: v.number(),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    })),
    v.maxLength(100),
  ),
});

/** Replaces the folder `dir` by this agent. */
export async function writeAgent(host: Host, dir: string, agent: BuiltAgent): Promise<void> {
  await replaceFolder(host, dir, async (aside) => {
    const files = [];
    for (const [path, { data, mode }] of agent.files) {
      const place = `${aside}/root/${path}`;
      await host.mkdir(place.slice(0, place.lastIndexOf("/")));
      await host.writeFile(place, data, { mode });
      const text = mode.toString(8).padStart(4, "0");
      files.push({ path, mode: text, size: data.length, sha256: sha256Hex(data) });
    }
    await host.writeFile(`${aside}/agent.json`, canonicalJson({ agent: 1, ...agent, files }));
  });
}

/** Reads what {@linkcode writeAgent} wrote. @throws {UserError} when it is not whole. */
export async function readAgent(host: Host, dir: string): Promise<BuiltAgent> {
  const fail = (state: string, cause?: unknown) =>
    new UserError(`use the agent in ${dir}`, state, {
      hint: "deno task agent makes it",
      cause,
    });
  let note;
  try {
    note = v.parse(schema, JSON.parse(await host.readTextFile(`${dir}/agent.json`)));
  } catch (error) {
    throw fail(
      await host.stat(`${dir}/agent.json`)
        ? `agent.json: ${errorText(error)}`
        : "there is no agent.json",
      error,
    );
  }
  const { agent: _, files: list, ...facts } = note;
  const files = new Map<string, ImageFile>();
  for (const { path, mode, size, sha256 } of list) {
    const place = `${dir}/root/${path}`;
    if ((await host.stat(place))?.kind !== "file") throw fail(`root/${path} is missing`);
    const data = await host.readFile(place);
    if (data.length !== size || sha256Hex(data) !== sha256) {
      throw fail(`root/${path} is not what agent.json says`);
    }
    files.set(path, { data, mode: parseInt(mode, 8) });
  }
  return { ...facts, files };
}
