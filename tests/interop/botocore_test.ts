/**
 * The answers that tests/vectors/aws_files.json has recorded are botocore's: asked again of the one that is installed. What ours
 * makes of the same files is in tests/lib/publish/aws_files_test.ts.
 */
import { assert, assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { type AwsFileAnswer, readAwsFileCases } from "../support/aws_file_cases.ts";
import { needTool } from "../support/tools.ts";

/** Debian's; another Python first in PATH does not know its packages. */
const PYTHON = "/usr/bin/python3";
const BOTOCORE = "/usr/lib/python3/dist-packages/botocore/session.py";

Deno.test({
  name: "botocore makes of AWS files and variables what is recorded of it",
  ...needTool(PYTHON, BOTOCORE),
  fn: async () => {
    const { cases } = await readAwsFileCases();
    const run = await new DenoHost().run(
      [PYTHON, "tests/support/botocore/ask.py", "tests/vectors/aws_files.json"],
    );
    assertEquals([run.code, text(run.stderr)], [0, ""]);
    const { version, answers } = JSON.parse(text(run.stdout)) as {
      version: string;
      answers: Record<string, AwsFileAnswer>;
    };
    const [, minor = 0] = version.split(".").map(Number);
    let asked = 0;
    for (const { name, since, answer } of cases) {
      if (since !== undefined && minor < Number(since.split(".")[1])) continue;
      asked++;
      assertEquals(answers[name], answer, `${name}, botocore ${version}`);
    }
    assert(asked > 90, `${asked} cases`);
  },
});
