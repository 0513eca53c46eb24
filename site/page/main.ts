/// <reference lib="dom" />
/**
 * The page's script: reads what the page shows, has it checked, shows what was found. It looks at the site that the page
 * came from, or, for a page that was opened from a disk, at the folder that its reader chooses.
 *
 * @module
 */
import type { Bytes } from "../../lib/bytes.ts";
import { errorText, UserError } from "../../lib/errors.ts";
import { TIMESTAMP_PATH } from "../../lib/trust/freshness.ts";
import { keyIdHex, parsePublicKey, type PublicKey } from "../../lib/trust/minisign.ts";
import { NO_STATE, type TrustState } from "../../lib/trust/roots.ts";
import type { Fetch } from "../../lib/trust/verified.ts";
import { type Checked, checkPage, type Shown, type State } from "./check.ts";
import { type NodeRow, type ReleaseRow, timeText } from "./rows.ts";

/** Nodes that are checked without being asked: each costs two requests. */
const UNASKED_NODES = 200;
const MARKS: Record<State, string> = { holds: "✓", fails: "✗", open: "?" };

function one<Kind extends Element = HTMLElement>(selector: string, within: ParentNode = document) {
  const found = within.querySelector<Kind>(selector);
  if (!found) throw new Error(`The page has no ${selector}`);
  return found;
}

const main = one("main");
const verdict = one("#verdict");
const lines = new Map<string, HTMLElement>();
for (const line of document.querySelectorAll<HTMLElement>("tr[data-node]")) {
  lines.set(line.dataset.node ?? "", line);
}

/** The texts of a row's cells, and where its links lead. */
function cells<Row extends NodeRow | ReleaseRow>(
  line: HTMLElement,
  names: (keyof Row & string)[],
  linksAs: keyof Row & string,
) {
  const text = (name: string) => line.querySelector(`[data-cell="${name}"]`)?.textContent ?? "";
  const links = [...line.querySelectorAll("a")].map((link) => link.getAttribute("href"));
  return Object.fromEntries([
    ...names.map((name) => [name, text(name)]),
    [linksAs, links.join(" ")],
  ]) as Row;
}

function shown(): Shown {
  return {
    serial: Number(main.dataset.serial),
    notes: one(".notes").textContent ?? "",
    nodes: [...lines.values()].map((line) =>
      cells<NodeRow>(line, ["name", "notes", "tags", "key", "ssh", "changed", "serial"], "link")
    ),
    releases: [...document.querySelectorAll<HTMLElement>("tr[data-release]")].map((line) =>
      cells<ReleaseRow>(line, ["version", "arch", "channels", "kernel", "built", "files"], "links")
    ),
  };
}

/** Reads from the server that the page came from. */
const fromServer: Fetch = async (path, maxBytes) => {
  let response: Response;
  try {
    response = await fetch(new URL(path, document.baseURI), { cache: "no-cache" });
  } catch (error) {
    throw new UserError(`fetch ${path}`, errorText(error));
  }
  if (!response.ok) throw new UserError(`fetch ${path}`, `the server says ${response.status}`);
  return await readBounded(response.body!, path, maxBytes);
};

async function readBounded(body: ReadableStream<Uint8Array>, path: string, maxBytes: number) {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = body.getReader();
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    size += piece.value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw new UserError(`fetch ${path}`, `it is longer than ${maxBytes} bytes`);
    }
    pieces.push(new Uint8Array(piece.value));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** Reads from a folder that was chosen; the site is where its timestamp is. */
function fromFolder(files: FileList): Fetch {
  const byPath = new Map([...files].map((file) => [file.webkitRelativePath, file]));
  const ending = `/${TIMESTAMP_PATH}`;
  const timestamp = [...byPath.keys()].filter((path) => path.endsWith(ending))
    .sort((a, b) => a.length - b.length)[0];
  if (timestamp === undefined) {
    throw new UserError("check this folder", `there is no ${TIMESTAMP_PATH} in it`);
  }
  const base = timestamp.slice(0, -TIMESTAMP_PATH.length);
  return async (path, maxBytes): Promise<Bytes> => {
    const file = byPath.get(base + path);
    if (!file) throw new UserError(`read ${path}`, "it is not in the folder");
    return new Uint8Array(await file.slice(0, maxBytes + 1).arrayBuffer());
  };
}

/** The key to check with: one that the reader gave, else the page's own. */
function pinnedKey(): PublicKey {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  // Blanks are what form encoding makes of plus signs.
  return parsePublicKey((given ?? main.dataset.key ?? "").trim().replaceAll(" ", "+"));
}

const fromDisk = location.protocol === "file:";
const memory = (key: PublicKey) =>
  `psyopsOS ${new URL(".", document.baseURI).pathname} ${keyIdHex(key)}`;

/** What earlier visits have seen with this key; a site that goes back behind it is refused. */
function remembered(key: PublicKey): TrustState {
  try {
    const known = JSON.parse(localStorage.getItem(memory(key)) ?? "null") as TrustState | null;
    return known && !fromDisk ? known : NO_STATE;
  } catch {
    return NO_STATE;
  }
}

function remember(key: PublicKey, state: TrustState): void {
  try {
    if (!fromDisk) localStorage.setItem(memory(key), JSON.stringify(state));
  } catch {
    // No storage, no memory: the checks of this visit are the same.
  }
}

function say(state: State, head: string, text: string): void {
  verdict.className = state;
  one("strong", verdict).textContent = head;
  one("span", verdict).textContent = text;
}

function mark(line: HTMLElement | undefined, state: State, text: string): void {
  const cell = line?.querySelector(".check");
  if (!cell) return;
  cell.className = `check ${state}`;
  cell.textContent = `${MARKS[state]} ${text}`;
}

function show({ findings, current }: Checked): void {
  one("#findings").replaceChildren(...findings.map(({ check, state, text }) => {
    const item = element("li", "");
    item.className = state;
    item.dataset.check = check;
    const sign = element("b", MARKS[state]);
    sign.title = state;
    item.append(sign, element("span", text));
    return item;
  }));
  if (current) {
    const { serial, issued, expires } = current;
    one("#current").replaceChildren(`${serial}, issued `, time(issued));
    const left = element("span", `, ${remaining(Date.parse(expires) - new Date().getTime())}`);
    left.className = "aside";
    one("#expires").replaceChildren(time(expires), left);
  }
  const count = (state: State) => findings.filter((finding) => finding.state === state).length;
  if (count("fails") > 0) {
    say(
      "fails",
      "Do not rely on this page.",
      "Not all of it is what was signed, or it is out of date:",
    );
  } else if (count("open") > 0) {
    say("open", "Not all could be checked.", "What could be checked holds:");
  } else {
    say("holds", "All checks hold.", "Checked just now, in your browser, from the pinned key on:");
  }
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, text: string) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function time(instant: string): HTMLElement {
  const made = element("time", timeText(instant));
  made.dateTime = instant;
  return made;
}

/** "for another 2 d 4 h", "expired for 3 h". */
function remaining(ms: number): string {
  const hours = Math.floor(Math.abs(ms) / 3_600_000);
  const [days, rest] = [Math.floor(hours / 24), hours % 24];
  const span = days > 0 ? `${days} d ${rest} h` : hours > 0 ? `${hours} h` : "less than an hour";
  return ms > 0 ? `for another ${span}` : `expired for ${span}`;
}

let run = 0;

/** Checks and shows; a newer run silences an older one. */
async function check(fetch: Fetch, maxNodes = UNASKED_NODES): Promise<void> {
  const current = ++run;
  for (const line of lines.values()) {
    const cell = one(".check", line);
    cell.className = "check";
    cell.replaceChildren();
  }
  one("#findings").replaceChildren();
  say("open", "Checking …", "");
  let key: PublicKey;
  try {
    key = pinnedKey();
  } catch (error) {
    return say("fails", "Nothing was checked.", `${errorText(error)}.`);
  }
  // The page may say something else.
  one("#key-id").textContent = keyIdHex(key);
  const options = { key, state: remembered(key), now: new Date(), fetch, shown: shown(), maxNodes };
  const checked = await checkPage({
    ...options,
    onNode: (name, state, text) => {
      if (current === run) mark(lines.get(name), state, text);
    },
  });
  if (current !== run) return;
  if (checked.state) remember(key, checked.state);
  show(checked);
  one("#rest").hidden = lines.size <= maxNodes || !checked.state;
  one("#rest").onclick = () => void check(fetch, Infinity);
}

function start(): void {
  document.body.classList.add("scripted");
  const filter = one<HTMLInputElement>("#filter input");
  one("#filter").hidden = lines.size < 8;
  filter.oninput = () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const [name, line] of lines) {
      const tags = line.querySelector('[data-cell="tags"]')?.textContent ?? "";
      line.hidden = !`${name} ${tags}`.includes(wanted);
    }
  };
  const form = one<HTMLFormElement>("#key");
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    const line = one<HTMLInputElement>("input", form).value.trim();
    location.hash = line === "" ? "" : new URLSearchParams({ key: line }).toString();
  };
  let source: Fetch = fromServer;
  if (fromDisk) {
    one("#folder").hidden = false;
    say(
      "open",
      "Not checked yet.",
      "Browsers don't let a page from a disk read the files beside it. Choose its folder and it is checked here; nothing leaves this machine.",
    );
    one<HTMLInputElement>("#folder input").onchange = (event) => {
      try {
        source = fromFolder((event.target as HTMLInputElement).files!);
        void check(source);
      } catch (error) {
        say("open", "Not checked.", `${errorText(error)}.`);
      }
    };
  } else void check(source);
  addEventListener("hashchange", () => {
    if (source !== fromServer || !fromDisk) void check(source);
  });
}

start();
