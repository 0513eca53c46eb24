import { assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";

const host = new DenoHost();
const BASH = `
deno() { if [ "$1" = task ]; then shift 3; "$DENO" run -q -A tasks/completion.ts "$@"; else return 1; fi; }
source <(deno task -q completion bash)
read -ra COMP_WORDS <<< "$1"
case "$1" in *" ") COMP_WORDS+=("");; esac
COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
COMP_LINE=$1
COMP_POINT=\${#1}
"$(complete -p deno | sed -E 's/.*-F ([^ ]+).*/\\1/')" deno "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "\${COMPREPLY[@]}"
`;

/** What bash offers when Tab is pressed behind `line`. */
async function offered(line: string): Promise<string[]> {
  const { code, stdout, stderr } = await host.run(["bash", "-c", BASH, "bash", line], {
    env: { DENO: Deno.execPath() },
  });
  assertEquals([code, text(stderr)], [0, ""]);
  return text(stdout).split("\n").filter((word) => word !== "");
}

for (
  const [line, words] of [
    ["deno task si", ["site", "sign"]],
    ["deno task keys ", ["init", "show", "rotate"]],
    ["deno task keys rotate ", ["root", "config", "release", "timestamp"]],
    ["deno task image --eng", ["--engine"]],
    ["deno task image --engine ", ["embedded", "mkimage"]],
    ["deno task site serve --po", ["--port"]],
    ["deno task sign CHANGE", ["CHANGELOG.md"]],
    ["deno run agent/ma", ["agent/main.ts"]],
    ["deno task -q keys s", ["show"]],
    ["deno task nothing --", []],
  ] as const
) {
  Deno.test(`bash completes ${line}`, async () => {
    assertEquals(await offered(line), [...words]);
  });
}
