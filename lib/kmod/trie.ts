/**
 * The binary index files of kmod (`modules.*.bin`): a trie from names to values, format 2.1.
 * Byte for byte what depmod writes for the same pairs in the same order.
 * Spec: kmod, libkmod/libkmod-index.c.
 *
 * @module
 */
import { type Bytes, concat, utf8 } from "../bytes.ts";
import { UserError } from "../errors.ts";

const MAGIC = 0xb007f457;
const VERSION = 0x0002_0001;
const HEADER = 12;
/** Flags in the top bits of a node's offset: which parts it has. */
const HAS_PREFIX = 0x8000_0000;
const HAS_VALUES = 0x4000_0000;
const HAS_CHILDREN = 0x2000_0000;
const MAX_OFFSET = 0x0fff_ffff;

interface Value {
  priority: number;
  text: string;
}

interface Node {
  /** Characters that all keys below share, behind the one that led here. */
  prefix: string;
  values: Value[];
  children: Map<string, Node>;
}

/** An index under construction. */
export class Trie {
  readonly #root: Node = { prefix: "", values: [], children: new Map() };

  /** Adds `value` under `key`; lower priorities come first, of equal ones the last added. */
  add(key: string, value: string, priority: number) {
    for (const text of [key, value]) {
      // deno-lint-ignore no-control-regex -- it means any ASCII character
      if (!/^[\x01-\x7f]*$/.test(text)) {
        throw new UserError("index modules", `${JSON.stringify(text)} is not ASCII`);
      }
    }
    let node = this.#root;
    let rest = key;
    while (true) {
      let shared = 0;
      while (shared < node.prefix.length && node.prefix[shared] === rest[shared]) shared++;
      if (shared < node.prefix.length) split(node, shared);
      rest = rest.slice(shared);
      if (rest === "") break;
      let child = node.children.get(rest[0]!);
      if (!child) {
        child = { prefix: rest.slice(1), values: [], children: new Map() };
        node.children.set(rest[0]!, child);
      }
      node = child;
      rest = rest.slice(1);
    }
    const at = node.values.findIndex((other) => other.priority >= priority);
    node.values.splice(at < 0 ? node.values.length : at, 0, { priority, text: value });
  }

  /** The file. */
  bytes(): Bytes {
    const parts: Uint8Array[] = [];
    let size = HEADER;
    const write = (node: Node): number => {
      const children = [...node.children].map(([char, child]) =>
        [char.charCodeAt(0), write(child)] as const
      );
      let offset = size;
      const put = (part: Uint8Array) => {
        parts.push(part);
        size += part.length;
      };
      if (node.prefix !== "") {
        put(utf8(node.prefix + "\0"));
        offset += HAS_PREFIX;
      }
      if (children.length > 0) {
        const codes = children.map(([code]) => code);
        const [first, last] = [Math.min(...codes), Math.max(...codes)];
        const offsets = new Array<number>(last - first + 1).fill(0);
        for (const [code, at] of children) offsets[code - first] = at;
        put(Uint8Array.of(first, last));
        put(u32(...offsets));
        offset += HAS_CHILDREN;
      }
      if (node.values.length > 0) {
        put(u32(node.values.length));
        for (const { priority, text } of node.values) {
          put(u32(priority));
          put(utf8(text + "\0"));
        }
        offset += HAS_VALUES;
      }
      return offset;
    };
    // Children are written in the order of their characters, before their parent.
    sort(this.#root);
    const root = write(this.#root);
    if (size > MAX_OFFSET) throw new UserError("index modules", "too many names");
    return concat([u32(MAGIC, VERSION, root), ...parts]);
  }
}

/** Makes `node` end after `at` characters of its prefix, with what it was as its one child. */
function split(node: Node, at: number) {
  const { prefix, values, children } = node;
  node.prefix = prefix.slice(0, at);
  node.values = [];
  node.children = new Map([[prefix[at]!, { prefix: prefix.slice(at + 1), values, children }]]);
}

function sort(node: Node) {
  node.children = new Map([...node.children].sort(([a], [b]) => a < b ? -1 : 1));
  for (const child of node.children.values()) sort(child);
}

/** Big-endian numbers. */
function u32(...numbers: number[]): Uint8Array {
  const out = new Uint8Array(4 * numbers.length);
  const view = new DataView(out.buffer);
  numbers.forEach((number, index) => view.setUint32(4 * index, number));
  return out;
}
