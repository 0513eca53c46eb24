import { assertEquals } from "@std/assert";
import { selected } from "../../../../tasks/dev/gate/test_files.ts";

const FILES = ["tests/agent/a_test.ts", "tests/agent/b_long_test.ts", "tests/lab/c_long_test.ts"];

Deno.test("long tests are selected with --long, or by their own names, and not as part of a folder", () => {
  const asked = (wanted: string[], long = false, noLab = false) =>
    selected(FILES, { wanted, long, noLab });
  assertEquals(asked([]), [FILES[0]]);
  assertEquals(asked(["tests/agent"]), [FILES[0]]);
  assertEquals(asked([], true), FILES);
  assertEquals(asked([], true, true), FILES.slice(0, 2));
  assertEquals(asked(["tests/agent"], true), FILES.slice(0, 2));
  assertEquals(asked(["tests/lab/c_long_test.ts"]), [FILES[2]]);
});
