import { assertEquals } from "@std/assert";
import { tightenedFiles } from "../../../lib/config/files.ts";
import {
  mergeConfig,
  mergedProblems,
  type NodeConfig,
  settleConfig,
} from "../../../lib/config/mod.ts";
import { SSH_KEYS } from "../../site/support.ts";

Deno.test("mergeConfig() lets later layers win, merges mappings and replaces lists", () => {
  const merged = mergeConfig([
    { hostname: "a", users: { ops: { uid: 1000, groups: ["wheel", "adm"] }, eve: {} } },
    { users: { ops: { groups: ["video"], sshKeys: [SSH_KEYS[0]] } } },
    { hostname: "c", check: { everySeconds: 60 } },
  ]);
  assertEquals(merged as unknown, {
    hostname: "c",
    users: { ops: { uid: 1000, groups: ["video"], sshKeys: [SSH_KEYS[0]] }, eve: {} },
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
      "users a and b have the same uid",
      "file /etc/x would be the directory of /etc/x/y/z",
    ],
  );
});
