/** The SSH server of a node in memory. */
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `rc-service sshd`. */
export class SshFake {
  running = false;

  constructor(host: FakeHost) {
    host.put("/etc/init.d/sshd", "#!/sbin/openrc-run\n");
    host.put("/etc/ssh/sshd_config", "");
    host.programs.set("rc-service", ([service, verb]) => {
      if (service !== "sshd") return { code: 1, stderr: utf8(`no service ${service}`) };
      if (verb === "status") return this.running ? "" : { code: 3 };
      this.running = true;
      return "";
    });
  }
}
