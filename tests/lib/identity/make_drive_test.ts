import { assertEquals, assertRejects } from "@std/assert";
import { utf8 } from "../../../lib/bytes.ts";
import { driveFiles } from "../../../lib/documents/drive.ts";
import { EXIT, UserError } from "../../../lib/errors.ts";
import { makeIdentityDrive } from "../../../lib/identity/make_drive.ts";
import { driveTexts } from "../../support/drive_texts.ts";
import { FakeHost } from "../../support/fake_host.ts";

/** A host on which the tools note what they see. */
function host(answers: { mke2fs?: number; debugfs?: number; complaint?: string } = {}) {
  const fake = new FakeHost({ "/w/x": "" });
  const seen: string[] = [];
  fake.programs.set("mke2fs", (args) => {
    const tree = args[args.indexOf("-d") + 1]!;
    const image = args.at(-1)!;
    seen.push(`tree ${fake.nodes.get(tree)?.mode.toString(8)}`);
    seen.push(`image ${fake.nodes.get(image)?.mode.toString(8)}`);
    seen.push(`age.key ${fake.nodes.get(`${tree}/age.key`)?.mode.toString(8)}`);
    return { code: answers.mke2fs ?? 0, stderr: utf8("first\nno space left\n") };
  });
  fake.programs.set("debugfs", () => ({
    code: answers.debugfs ?? 0,
    stderr: utf8(`debugfs 1.47.0 (5-Feb-2023)\n${answers.complaint ?? ""}`),
  }));
  return { fake, seen };
}

/** What is left in the directory. */
function names(fake: FakeHost): string[] {
  return [...fake.nodes.keys()].filter((path) => path.startsWith("/w/"));
}

Deno.test("makeIdentityDrive() never has a secret where others can read it", async () => {
  const { fake, seen } = host();
  await makeIdentityDrive(fake, { path: "/w/a.img", files: driveFiles(driveTexts()) });
  assertEquals(seen, ["tree 700", "image 600", "age.key 600"]);
  assertEquals(fake.nodes.get("/w/a.img")?.mode, 0o600);
  assertEquals(names(fake), ["/w/x", "/w/a.img"]);
  assertEquals(fake.log.join("\n").includes("PRIVATE"), false);
});

Deno.test("makeIdentityDrive() cleans up after a failure and says what the tool said", async () => {
  for (
    const broken of [{ mke2fs: 1 }, { debugfs: 1 }, { complaint: "/age.key: File not found\n" }]
  ) {
    const { fake } = host(broken);
    const error = await assertRejects(
      () => makeIdentityDrive(fake, { path: "/w/a.img", files: driveFiles(driveTexts()) }),
      UserError,
      "Cannot make the identity drive: ",
    );
    if ("mke2fs" in broken) {
      assertEquals(error.message.endsWith("mke2fs failed: no space left"), true);
    }
    if ("complaint" in broken) assertEquals(error.message.endsWith('File not found"'), true);
    assertEquals(names(fake), ["/w/x"]);
  }
});

Deno.test("makeIdentityDrive() names the package when mke2fs is missing", async () => {
  const error = await assertRejects(
    () => makeIdentityDrive(new FakeHost({ "/w/x": "" }), { path: "/w/a.img", files: new Map() }),
    UserError,
    "mke2fs is missing",
  );
  assertEquals([error.exitCode, error.hint], [EXIT.missing, "it is in the package e2fsprogs"]);
});
