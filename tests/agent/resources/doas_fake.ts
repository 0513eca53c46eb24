/** The doas of a node in memory. */
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `doas -C FILE`: of its grammar it knows the options and whom a rule is about. */
export class DoasFake {
  constructor(host: FakeHost) {
    host.put("/usr/bin/doas", "", 0o4755);
    host.programs.set("doas", ([option, file, ...more]) => {
      if (option !== "-C" || file === undefined || more.length > 0) {
        return {
          code: 1,
          stderr: utf8("usage: doas [-Lns] [-C config] [-u user] command [args]\n"),
        };
      }
      const lines = host.textOf(file).split("\n").slice(0, -1);
      const wrong = lines.findIndex((line) =>
        !/^(?:permit(?: (?:nopass|persist))*|deny) :?[a-z][a-z.]*(?: as [a-z]+)?(?: cmd .+)?$/.test(
          line,
        )
      );
      if (wrong < 0) return "";
      return { code: 1, stderr: utf8(`doas: syntax error at line ${wrong + 1}\n`) };
    });
  }
}
