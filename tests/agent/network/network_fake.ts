/** The network of a node in memory: one interface, a DHCP server that may be silent. */
import { COLDPLUG, INTERFACES } from "../../../agent/system/paths.ts";
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Process number of the DHCP client. */
export const CLIENT_PID = 12;

/** Answers `ip`, `udhcpc` and the programs that list and wake interfaces. */
export class NetworkFake {
  /** Whether the DHCP server answers. */
  dhcp = true;
  /** Address of the interface in CIDR form, "" for none. */
  address = "";

  constructor(host: FakeHost) {
    host.programs.set(INTERFACES, () => "eth0 up\n");
    host.programs.set(COLDPLUG, () => "");
    host.programs.set("udhcpc", (args) => {
      if (this.dhcp) this.address = "10.0.2.15/24";
      host.put(args[args.indexOf("-p") + 1]!, `${CLIENT_PID}\n`);
      return "";
    });
    host.programs.set("ip", (args) => {
      const [what, verb] = args[0] === "-o" ? args.slice(1) : args;
      switch (`${what} ${verb}`) {
        case "addr show":
          return this.address === "" ? "" : this.#shown();
        case "addr add":
          this.address = args[2]!;
          return "";
        case "link set":
        case "route replace":
          return "";
        default:
          return { code: 1, stderr: utf8(`ip: the fake does not know ${args.join(" ")}`) };
      }
    });
  }

  #shown(): string {
    return `1: lo    inet 127.0.0.1/8 scope host lo\n` +
      `2: eth0    inet ${this.address} brd 10.0.2.255 scope global eth0\\ valid_lft forever\n`;
  }
}
