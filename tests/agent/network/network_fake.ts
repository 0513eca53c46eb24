/** The network of a node in memory: one interface, a DHCP server that may be silent. */
import { COLDPLUG, DHCP_CLIENT, INTERFACES, RESOLV_CONF } from "../../../agent/system/paths.ts";
import { utf8 } from "../../../lib/bytes.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `ip` and the programs that list and wake interfaces, ask by DHCP and write resolv.conf. */
export class NetworkFake {
  /** Whether the DHCP server answers. */
  dhcp = true;
  /** Address of the interface in CIDR form, "" for none. */
  address = "";
  /** How often an IPv6 address is still shown as tentative. */
  tentative = 0;

  constructor(host: FakeHost) {
    host.programs.set(INTERFACES, () => "eth0 up virtio_net pci0\n");
    host.programs.set(COLDPLUG, () => "");
    const clients: string[] = [];
    host.programs.set(DHCP_CLIENT, ([verb, name, family]) => {
      if (verb === "list") return clients.map((line) => `${line}\n`).join("");
      if (verb !== "start") return unknown([DHCP_CLIENT, verb!]);
      clients.push(`${name} ${family}`);
      if (this.dhcp) this.address = "10.0.2.15/24";
      return "";
    });
    host.programs.set(RESOLV_CONF, ([verb]) => {
      if (verb !== "write") return unknown([RESOLV_CONF, verb!]);
      const drive = host.nodes.get("/run/psyopsos/dhcp/drive");
      if (drive) host.put("/etc/resolv.conf", drive.data);
      return "";
    });
    host.programs.set("ip", (args) => {
      const [what, verb] = args.filter((word) => !word.startsWith("-"));
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
          return unknown(["ip", ...args]);
      }
    });
  }

  #shown(): string {
    const isSix = this.address.includes(":");
    const flags = isSix && this.tentative-- > 0 ? " tentative" : "";
    const family = isSix ? `inet6 ${this.address}` : `inet ${this.address} brd 10.0.2.255`;
    return `1: lo    inet 127.0.0.1/8 scope host lo\n` +
      `2: eth0    ${family} scope global${flags} eth0\\ valid_lft forever\n`;
  }
}

function unknown(command: readonly string[]) {
  return { code: 1, stderr: utf8(`the fake does not know ${command.join(" ")}`) };
}
