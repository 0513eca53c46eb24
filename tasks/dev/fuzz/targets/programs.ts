/**
 * Target: what other programs print and clients of our test server ask, as far as something is read out of it.
 *
 * @module
 */
import { utf8 } from "../../../../lib/bytes.ts";
import type { Host } from "../../../../lib/host.ts";
import { inspectDevice } from "../../../../lib/identity/write_device.ts";
import {
  BUILD_PROBLEMS,
  ENGINE_PROBLEMS,
  findProblem,
} from "../../../../lib/image/mkimage/failures.ts";
import { cleanLine } from "../../../../lib/lab/console.ts";
import { answerFile, entityTag } from "../../../../lib/lab/http_answer.ts";
import { sitePath } from "../../../../lib/lab/site_server.ts";
import { parseDepends, parseUris } from "../../../../lib/lab_packages/debian.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Subject, textOf, WrongAnswer } from "../target.ts";

const DEVICE = "/dev/sdx";
const CONTENT = utf8("0123456789".repeat(10));

/** What was printed, and what is read out of it; undefined where there is nothing. */
const READERS: Readonly<Record<string, [text: string, read: (text: string) => unknown]>> = {
  "apt-cache depends": [
    "busybox\n  Depends: libc6\n  PreDepends: dpkg\n |Depends: a\n  Depends: <virtual>\nlibc6\n",
    (text) => some(parseDepends(text)),
  ],
  "apt-get download --print-uris": [
    `'http://deb.example/pool/x_1%3a2-1_amd64.deb' x_1%3a2-1_amd64.deb 1000 SHA256:${
      "1f".repeat(32)
    }\n'http://deb.example/y.deb' y_2_all.deb 2000 SHA256:${"2e".repeat(32)}\n`,
    (text) => some(parseUris(text)),
  ],
  lsblk: [
    '{"blockdevices": [{"name":"sdx", "type":"disk", "size":16000000000, "ro":false, "rm":true, "hotplug":true, "model":"Stick", "mountpoints":[null], "children": [{"name":"sdx1", "type":"part", "mountpoints":[null]}]}]}\n',
    (text) => inspectDevice(hostOf(text), DEVICE, { need: 1000 }),
  ],
  "mkimage.sh": [
    "Step 3/7 : RUN apk add\nERROR: unable to select packages:\n  nothing (no such package):\ntemporary failure in name resolution\n",
    (text) => findProblem(BUILD_PROBLEMS, text) ?? findProblem(ENGINE_PROBLEMS, text),
  ],
  console: ["\x1b[0;32m[ 1.0] Linux version 6.18\x1b[0m\r\n", cleanLine],
  request: [
    `/psyopsOS/timestamp.json\nbytes=10-19\n${entityTag(CONTENT)}\nW/"other", ${
      entityTag(CONTENT).slice(0, -2)
    }"\n`,
    answer,
  ],
};

/** Texts and how they are changed. */
export function subject(): Subject {
  return subjectOf({
    samples: Object.entries(READERS).map(([name, [text]]) => ({
      parts: { [name]: textPieces(text) },
    })),
    read: (input) => {
      const name = [...input.keys()][0]!;
      return READERS[name]![1](textOf(input, name));
    },
  });
}

function some<K, V>(found: Map<K, V>): Map<K, V> | undefined {
  return found.size > 0 ? found : undefined;
}

/** A host whose programs say that there is such a device. */
function hostOf(said: string): Host {
  const host: Partial<Host> = {
    run: ([program]) => {
      const stdout = utf8(program === "stat" ? "61b0\n" : said);
      return Promise.resolve({ code: 0, stdout, stderr: new Uint8Array() });
    },
  };
  return host as Host;
}

function answer(text: string): unknown {
  const [path = "", range, ifRange, ifNoneMatch] = text.split("\n");
  const asked = sitePath(path);
  if (asked?.split("/").includes("..")) throw new WrongAnswer(`it takes for a path: ${asked}`);
  const { body, status } = answerFile({ method: "GET", range, ifRange, ifNoneMatch }, CONTENT);
  if (body.length > CONTENT.length) throw new WrongAnswer("more than there is");
  return asked === undefined ? undefined : status;
}
