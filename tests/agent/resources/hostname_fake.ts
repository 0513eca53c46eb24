/** The kernel's host name on a node in memory. */
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `hostname`. */
export class HostnameFake {
  name = "localhost";

  constructor(host: FakeHost) {
    host.programs.set("hostname", ([name, ...more]) => {
      if (more.length > 0) return { code: 1, stderr: utf8("hostname: too many words") };
      if (name === undefined) return `${this.name}\n`;
      this.name = name;
      return "";
    });
  }
}
