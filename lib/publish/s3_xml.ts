/**
 * The XML of S3's answers: elements and text, a few levels deep.
 *
 * Supported: comments, processing instructions, CDATA, the five named entities and numbers. Attributes are skipped, a ">" in one
 * is not. Refused: document types, and with them entities of one's own; more than {@linkcode MAX_DEPTH} levels; elements that
 * are not closed; more than a listing of S3 has of anything, since many tiny elements or entities would take fifty times the
 * memory of their text. Takes time in proportion to the text.
 *
 * @module
 */

/** An element. */
export interface XmlElement {
  name: string;
  /** Its own text, without that of its children. */
  text: string;
  children: XmlElement[];
}

/** What is no XML, or none of S3's. */
export class XmlError extends Error {}

const MAX_DEPTH = 16;
/**
 * Most tags, comments and the like. The longest answer is a page of a listing: a thousand keys, each with about fifteen
 * elements of two tags. Servers that give some times as many keys are read, too.
 */
const MAX_TAGS = 200_000;
/** Longest text between two tags, in characters: a key has at most 1,024 bytes, each of which may be an entity. */
const MAX_TEXT = 64 * 1024;
const NAME = /^[A-Za-z_][\w.:-]*/;
const ENTITIES: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
/** What is skipped as a whole, by how it begins and ends; of the last the text counts. */
const SPANS = [["<!--", "-->"], ["<?", "?>"], ["<![CDATA[", "]]>"]] as const;

/** The root element of `source`. @throws {XmlError} */
export function parseXml(source: string): XmlElement {
  const document: XmlElement = { name: "", text: "", children: [] };
  const open = [document];
  let tags = 0;
  for (let at = 0; at < source.length;) {
    const top = open.at(-1)!;
    const next = source.indexOf("<", at);
    const before = next < 0 ? source.length : next;
    if (before - at > MAX_TEXT) {
      throw new XmlError(`it has a text of more than ${MAX_TEXT} characters`);
    }
    top.text += unescape(source.slice(at, before));
    if (next < 0) break;
    if (++tags > MAX_TAGS) throw new XmlError(`it has more than ${MAX_TAGS} tags`);
    const span = SPANS.find(([start]) => source.startsWith(start, next));
    const [start, end] = span ?? ["<", ">"];
    const close = source.indexOf(end, next + start.length);
    if (close < 0) throw new XmlError(`"${start}" is not closed`);
    const inner = source.slice(next + start.length, close);
    at = close + end.length;
    if (span) {
      if (start === "<![CDATA[") top.text += inner;
    } else if (inner.startsWith("/")) {
      if (open.length === 1 || inner.slice(1).trim() !== top.name) {
        throw new XmlError("an element is closed that is not open");
      }
      open.pop();
    } else {
      const [name] = NAME.exec(inner) ?? [];
      if (name === undefined) throw new XmlError("an element has no name");
      const element: XmlElement = { name, text: "", children: [] };
      top.children.push(element);
      if (!inner.endsWith("/")) open.push(element);
      if (open.length > MAX_DEPTH) throw new XmlError(`it has more than ${MAX_DEPTH} levels`);
    }
  }
  const [root, ...others] = document.children;
  if (!root || others.length > 0 || document.text.trim() !== "" || open.length > 1) {
    throw new XmlError("it is not one element");
  }
  return root;
}

/** Text of the first child with this name. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

function unescape(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(
    /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{1,8}));/g,
    (all, ten, hex, name) => {
      if (name !== undefined) return Object.hasOwn(ENTITIES, name) ? ENTITIES[name]! : all;
      const code = ten === undefined ? parseInt(hex, 16) : Number(ten);
      return code > 0x10_ffff ? "\ufffd" : String.fromCodePoint(code);
    },
  );
}
