import { assertEquals } from "@std/assert";
import { tightenedFiles } from "../../../lib/config/files.ts";
import fc from "fast-check";
import { mergeLayers, settled } from "../../../lib/config/merge.ts";
import {
  type LayerConfig,
  mergeConfig,
  mergedProblems,
  type NodeConfig,
  nodeConfigSchema,
  replacedLists,
  settleConfig,
  wholeEntries,
} from "../../../lib/config/mod.ts";
import { SSH_KEYS } from "../../site/support.ts";

Deno.test("mergeConfig() lets later layers win, merges mappings and takes away what is null", () => {
  const merged = mergeConfig([
    { hostname: "a", users: { ops: { uid: 1000, groups: { wheel: true, adm: true } }, eve: {} } },
    { users: { ops: { groups: { video: true, adm: null }, sshKeys: { k1: SSH_KEYS[0] } } } },
    { hostname: "c", check: { everySeconds: 60 } },
  ]);
  assertEquals(merged as unknown, {
    hostname: "c",
    users: {
      ops: { uid: 1000, groups: { wheel: true, video: true }, sshKeys: { k1: SSH_KEYS[0] } },
      eve: {},
    },
    check: { everySeconds: 60 },
  });
});

Deno.test("mergeConfig() gives a file's new content its own encoding", () => {
  const base: NodeConfig = {
    files: { "/x": { content: "AAAA", encoding: "base64", mode: "0600" } },
  };
  const over: NodeConfig = { files: { "/x": { content: "text" } } };
  assertEquals(mergeConfig([base, over]).files, { "/x": { content: "text", mode: "0600" } });
  assertEquals(mergeConfig([over, base]).files, base.files);
});

Deno.test("mergeConfig() takes a file's new content for plain text though a lower layer's was a template", () => {
  const base: NodeConfig = { files: { "/x": { content: "{{name}}", template: true } } };
  const over: NodeConfig = { files: { "/x": { content: "{{" } } };
  assertEquals(mergeConfig([base, over]).files, over.files);
  assertEquals(mergeConfig([over, base]).files, base.files);
});

Deno.test("settleConfig() gives private files without a mode to their owner only", () => {
  const shown: NodeConfig = {
    files: {
      "/public": { content: "a" },
      "/overlaid": { content: "a" },
      "/owned": { content: "a" },
      "/same": { content: "AAAA" },
      "/open": { content: "a", mode: "0640" },
    },
  };
  const merged = mergeConfig([shown, {
    timezone: "Europe/Berlin",
    files: {
      "/private": { content: "b" },
      "/moded": { content: "b", mode: "0644" },
      "/overlaid": { content: "b" },
      "/owned": { content: "a", owner: "ops" },
      "/same": { content: "AAAA", encoding: "base64" },
      "/open": { content: "b" },
    },
  }]);
  const whole = settleConfig(merged, shown);
  const modes = Object.entries(whole.files!).map(([path, { mode }]) => [path, mode]);
  assertEquals(Object.fromEntries(modes), {
    "/public": undefined,
    "/private": "0600",
    "/moded": "0644",
    "/overlaid": "0600",
    "/owned": undefined,
    "/same": "0600",
    "/open": "0640",
  });
  assertEquals(tightenedFiles(merged.files, whole.files).sort(), [
    "/overlaid",
    "/private",
    "/same",
  ]);
  assertEquals(whole.timezone, "Europe/Berlin");
  assertEquals(settleConfig({ timezone: "UTC" }, {}), { timezone: "UTC" });
});

Deno.test("mergeConfig() starts anew what was taken away below", () => {
  const file = { content: "a", mode: "0640" };
  const layers: LayerConfig[] = [
    { files: { "/x": file, "/y": file }, hostname: "a" },
    { files: { "/x": null }, hostname: null },
    { files: { "/x": { owner: "ops" } } },
  ];
  assertEquals(mergeConfig(layers) as unknown, { files: { "/x": { owner: "ops" }, "/y": file } });
  assertEquals(mergeConfig([...layers, { files: null }]), {});
});

/** What a layer can say of a mapping of mappings, of which one field replaces another. */
const anyLayer = fc.record({
  files: fc.option(
    fc.dictionary(
      fc.constantFrom("/a", "/b"),
      fc.option(
        fc.record({
          content: fc.constantFrom(null, "x", "eA=="),
          encoding: fc.constantFrom(null, "base64" as const),
          mode: fc.constantFrom(null, "0600"),
        }, { requiredKeys: [] }),
        { nil: null },
      ),
    ),
    { nil: null, freq: 4 },
  ),
}, { requiredKeys: [] }) as fc.Arbitrary<LayerConfig>;

Deno.test("layers merged in any grouping give the same", () => {
  const whole = (layers: readonly object[]) =>
    settled(nodeConfigSchema, mergeLayers(nodeConfigSchema, layers));
  fc.assert(
    fc.property(fc.array(anyLayer, { maxLength: 6 }), fc.nat(), fc.nat(), (layers, from, count) => {
      const start = from % (layers.length + 1);
      const end = Math.min(layers.length, start + count % (layers.length + 1));
      const group = mergeLayers(nodeConfigSchema, layers.slice(start, end));
      const grouped = [...layers.slice(0, start), group, ...layers.slice(end)];
      assertEquals(whole(grouped), whole(layers));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("replacedLists() tells each list that another one was in place of, unless it was taken away between", () => {
  const layers = [{ a: [1], b: { c: [2], d: [3] } }, { a: null, b: { c: [4], d: [3] } }, {
    a: [5],
  }];
  assertEquals(replacedLists(layers), [{ path: ["b", "c"], layer: 1 }]);
});

Deno.test("wholeEntries() leaves out what lacks something, and the nearest entry alone", () => {
  const given = {
    hostname: "a",
    files: { "/x": { mode: "0600" }, "/y": { content: "" } },
    report: {},
  } as unknown as NodeConfig;
  assertEquals(wholeEntries(given), { hostname: "a", files: { "/y": { content: "" } } });
});

Deno.test("mergeConfig() changes no layer and shares nothing with it", () => {
  const layer: NodeConfig = { users: { ops: { uid: 1 } } };
  const merged = mergeConfig([layer, {}]);
  merged.users!.ops!.uid = 2;
  assertEquals(layer, { users: { ops: { uid: 1 } } });
});

Deno.test("mergedProblems() finds what only shows once layers are merged", () => {
  assertEquals(mergedProblems({ users: { a: { uid: 5 }, b: {}, c: {} } }), []);
  assertEquals(
    mergedProblems({
      users: { a: { uid: 5 }, b: { uid: 5 } },
      files: { "/etc/x/y/z": { content: "" }, "/etc/x": { content: "" } },
    }),
    [
      {
        path: ["users", "b"],
        message: "users a and b both get the uid 5: pin one (users.<name>.uid)",
      },
      {
        path: ["files", "/etc/x/y/z"],
        message: "files./etc/x/y/z: nothing can lie below /etc/x, which is files./etc/x",
      },
    ],
  );
});
