/** Files of this machine that others wrote, read by us and by the C library's own programs. */
import { assert, assertEquals } from "@std/assert";
import { text } from "../../lib/bytes.ts";
import { parseGroup, parsePasswd } from "../../lib/formats/accounts.ts";
import { elfDynamic } from "../../lib/formats/elf_dynamic.ts";
import { needTool, toolPath } from "../support/tools.ts";

async function output(...command: string[]): Promise<string> {
  const program = toolPath(command[0]!)!;
  const { stdout } = await new Deno.Command(program, { args: command.slice(1), stdin: "null" })
    .output();
  return text(stdout);
}

Deno.test({
  name: "elfDynamic() and the dynamic loader agree on what programs need",
  ...needTool("ldd"),
  fn: async () => {
    let libraries = 0;
    for (const name of ["sh", "tar", "gzip", "cpio", "openssl", "ssh-keygen", "xorriso", "gpg"]) {
      const path = toolPath(name);
      if (!path) continue;
      const found = elfDynamic(await Deno.readFile(path));
      assert(found, name);
      const listed = await output("ldd", path);
      assert(listed.includes(`${found.interpreter} (0x`), `${name}: ${found.interpreter}`);
      for (const soname of found.needed) {
        const where = new RegExp(`^\\s*${RegExp.escape(soname)} => (\\S+)`, "m").exec(listed);
        assert(where, `${name}: ${soname} is not in ${listed}`);
        const library = elfDynamic(await Deno.readFile(where[1]!));
        assertEquals([
          library?.soname,
          library?.interpreter === undefined || soname === "libc.so.6",
        ], [
          soname,
          true,
        ]);
        libraries++;
      }
    }
    assert(libraries > 10, `${libraries} libraries`);
  },
});

Deno.test({
  name: "parsePasswd() and parseGroup() read what the C library reads",
  ...needTool("getent"),
  fn: async () => {
    const sorted = (lines: string[]) => lines.filter(Boolean).sort();
    const accounts = parsePasswd(await Deno.readTextFile("/etc/passwd"));
    assertEquals(
      sorted(
        accounts.map(({ name, uid, gid, comment, home, shell }) =>
          [name, "x", uid, gid, comment, home, shell].join(":")
        ),
      ),
      sorted((await output("getent", "-s", "files", "passwd")).split("\n")),
    );
    const groups = parseGroup(await Deno.readTextFile("/etc/group"));
    assertEquals(
      sorted(groups.map(({ name, gid, members }) => [name, "x", gid, members.join(",")].join(":"))),
      sorted((await output("getent", "-s", "files", "group")).split("\n")),
    );
  },
});
