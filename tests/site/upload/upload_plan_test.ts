import { assertEquals } from "@std/assert";
import {
  cacheControlOf,
  contentTypeOf,
  isHashed,
  uploadStages,
} from "../../../site/upload/upload_plan.ts";

const file = (path: string, replaces = false) => ({ path, size: 1, replaces });
const stages = (...files: ReturnType<typeof file>[]) =>
  uploadStages(files).map(({ name, files }) => [name, ...files.map(({ path }) => path)]);

Deno.test("uploadStages() puts first what nodes need, then the timestamp, then copies, then the page", () => {
  assertEquals(
    stages(
      file("index.html", true),
      file("psyopsOS/timestamp.json", true),
      file("psyopsOS/nodes/a.json", true),
      file("psyopsOS/nodes/a.json.minisig"),
      file("psyopsOS/signed/nodes/a.0123456789abcdef.json"),
      file("psyopsOS/postboot/a.0123456789abcdef.age"),
      file("psyopsOS/bins/all.0123456789abcdef.json"),
      file("psyopsOS/root/2.json"),
      file("psyopsOS/root.json", true),
      file("psyopsOS/os/1.0/slot.tar"),
      file("error.html"),
    ),
    [
      [
        "content",
        "psyopsOS/bins/all.0123456789abcdef.json",
        "psyopsOS/os/1.0/slot.tar",
        "psyopsOS/postboot/a.0123456789abcdef.age",
        "psyopsOS/root/2.json",
        "psyopsOS/signed/nodes/a.0123456789abcdef.json",
      ],
      ["timestamp", "psyopsOS/timestamp.json"],
      [
        "copies",
        "error.html",
        "psyopsOS/nodes/a.json",
        "psyopsOS/nodes/a.json.minisig",
        "psyopsOS/root.json",
      ],
      ["page", "index.html"],
    ],
  );
});

Deno.test("uploadStages() replaces nothing before the timestamp but what is damaged", () => {
  assertEquals(
    stages(
      file("psyopsOS/root/1.json.minisig", true),
      file("psyopsOS/os/1.0/slot.tar.minisig", true),
      file("psyopsOS/bins/all.0123456789abcdef.json", true),
    ),
    [
      ["content", "psyopsOS/bins/all.0123456789abcdef.json"],
      ["copies", "psyopsOS/os/1.0/slot.tar.minisig", "psyopsOS/root/1.json.minisig"],
    ],
  );
});

Deno.test("uploadStages() leaves out stages without files", () => {
  assertEquals(stages(), []);
  assertEquals(stages(file("psyopsOS/timestamp.json")), [["timestamp", "psyopsOS/timestamp.json"]]);
});

const SERVED: [string, string, "for good" | "ask"][] = [
  ["psyopsOS/timestamp.json", "application/json", "ask"],
  ["psyopsOS/bins/3f.0123456789abcdef.json", "application/json", "for good"],
  ["psyopsOS/signed/os-update.0123456789abcdef.json", "application/json", "for good"],
  ["psyopsOS/postboot/a.0123456789abcdef.age", "application/octet-stream", "for good"],
  ["psyopsOS/os/1.0/psyopsos.iso", "application/octet-stream", "for good"],
  ["psyopsOS/os/1.0/disk.img.zst", "application/zstd", "for good"],
  ["psyopsOS/os/1.0/psyopsos.iso.minisig", "text/plain; charset=utf-8", "ask"],
  ["psyopsOS/root/1.json", "application/json", "ask"],
  ["psyopsOS/nodes/a.json", "application/json", "ask"],
  ["index.html", "text/html; charset=utf-8", "ask"],
  ["a.dir/LICENSE", "application/octet-stream", "ask"],
];

for (const [path, type, keep] of SERVED) {
  Deno.test(`${path} is served as ${type}, kept ${keep}`, () => {
    assertEquals(contentTypeOf(path), type);
    assertEquals(
      cacheControlOf(path),
      keep === "ask" ? "no-cache" : "public, max-age=31536000, immutable",
    );
  });
}

Deno.test("isHashed() tells files that have their hash in their name by their folder", () => {
  assertEquals(isHashed("psyopsOS/bins/all.0123456789abcdef.json"), true);
  assertEquals(isHashed("psyopsOS/binsx/all.json"), false);
  assertEquals(isHashed("psyopsOS/nodes/a.json"), false);
});
