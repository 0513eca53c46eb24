/** What runs on a node in memory, and the helper that lists and ends it. */
import { PROCESSES } from "../../../agent/system/paths.ts";
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `processes list|end UID`. */
export class ProcessesFake {
  /** Processes by their number, with the uid that each is of. */
  readonly running = new Map<number, number>();

  constructor(host: FakeHost) {
    host.programs.set(PROCESSES, ([verb, id, ...more]) => {
      const uid = Number(id);
      if (!(uid > 0) || more.length > 0) {
        return { code: 2, stderr: utf8("no number of an account") };
      }
      const own = [...this.running].filter(([, of]) => of === uid).map(([pid]) => pid);
      if (verb === "list") return own.map((pid) => `${pid}\n`).join("");
      if (verb !== "end") return { code: 2, stderr: utf8("list or end") };
      for (const pid of own) this.running.delete(pid);
      return "";
    });
  }
}
