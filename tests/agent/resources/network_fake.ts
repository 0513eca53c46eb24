/** A node's links, addresses, routes and DHCP clients in memory, behind programs that refuse what they do not know. */
import {
  DHCP_CLIENT,
  DHCP_DIR,
  INTERFACES,
  KERNEL_FILES,
  RESOLV_CONF,
} from "../../../agent/system/paths.ts";
import { utf8 } from "../../../lib/bytes.ts";
import type { RunResult } from "../../../lib/host.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { ROOT_FILES } from "./root_files.ts";

interface FakeLink {
  ifindex: number;
  ifname: string;
  altnames: string[];
  address: string;
  up: boolean;
  mtu: number;
  kind?: string;
  parent?: string;
  master?: string;
  info: Record<string, unknown>;
  addresses: string[];
}

interface FakeRoute {
  family: string;
  dst: string;
  gateway?: string;
  dev: string;
  metric: number;
  protocol: string;
}

const refuse = (why: string): Partial<RunResult> => ({ code: 2, stderr: utf8(`Error: ${why}\n`) });

/** The fake; it has the cards eth0 and eth1. */
export class NetworkHost extends FakeHost {
  readonly links: FakeLink[] = [];
  routes: FakeRoute[] = [];
  readonly clients = new Set<string>();
  /** Addresses that another machine has. */
  readonly taken = new Set<string>();
  /** Whether a magic packet wakes the machine, by card. */
  readonly wakes = new Map<string, boolean>();
  readonly ipv6 = new Map<string, string>();
  #next = 1;

  constructor() {
    super(ROOT_FILES);
    for (const name of ["eth0", "eth1"]) this.addCard(name);
    this.programs.set("ip", (args) => this.#ip([...args]));
    this.programs.set(INTERFACES, () =>
      this.links.filter(({ kind }) => kind === undefined)
        .map(({ ifname, ifindex }) => `${ifname} up virtio_net pci0/0000:00:0${ifindex}.0\n`).join(
          "",
        ));
    this.programs.set(DHCP_CLIENT, ([verb, name, family]) => this.#dhcp(verb!, name!, family!));
    this.programs.set(
      KERNEL_FILES,
      ([verb, path], { stdin }) => this.#kernel(verb!, path, `${stdin}`),
    );
    this.programs.set(RESOLV_CONF, ([verb]) => this.#resolv(verb!));
    this.programs.set("ethtool", (args) => this.#ethtool(args));
  }

  /** Plugs a card in. */
  addCard(name: string): void {
    const ifindex = ++this.#next;
    const address = `52:54:00:00:00:0${ifindex - 1}`;
    this.links.push({
      ...{ ifindex, ifname: name, altnames: [], address, up: false, mtu: 1500, info: {} },
      addresses: [],
    });
  }

  link(name: string): FakeLink | undefined {
    return this.links.find((one) => one.ifname === name || one.altnames.includes(name));
  }

  #ip(args: string[]): Partial<RunResult> | string {
    const line = args.join(" ");
    if (line === "-j -d addr show") {
      return JSON.stringify(this.links.map((one) => this.#shown(one)));
    }
    if (line === "-o addr show") {
      return this.links.flatMap(({ ifindex, ifname, addresses }) =>
        addresses.map((cidr) => {
          const family = cidr.includes(":") ? "inet6" : "inet";
          const flags = this.taken.has(cidr) ? " tentative dadfailed" : "";
          return `${ifindex}: ${ifname}    ${family} ${cidr} scope global${flags}\n`;
        })
      ).join("");
    }
    const shown = /^-j -([46]) route show$/.exec(line);
    if (shown) {
      const routes = this.routes.filter(({ family }) => family === shown[1]);
      return JSON.stringify(routes.map(({ family: _, ...route }) => ({ ...route, flags: [] })));
    }
    const [what, verb, ...rest] = args.filter((word) => !/^-[46]$/.test(word));
    switch (`${what} ${verb}`) {
      case "link add":
        return this.#add(rest);
      case "link del":
        return this.#delete(this.links, rest[1]!);
      case "link set":
        return this.#set(rest);
      case "link property":
        return this.#property(rest);
      case "addr add":
      case "addr del":
        return this.#address(verb!, rest);
      case "route replace":
      case "route del":
        return this.#route(verb!, args[0]!.slice(1), rest);
    }
    return refuse(`the fake does not know ip ${line}`);
  }

  #shown(link: FakeLink) {
    const { ifindex, ifname, altnames, address, up, mtu, kind, parent, master, info } = link;
    return {
      ...{ ifindex, ifname, altnames, address, mtu },
      flags: up ? ["UP", "LOWER_UP"] : [],
      ...parent && { link: parent },
      ...master && { master },
      ...kind && { linkinfo: { info_kind: kind, info_data: info } },
      addr_info: link.addresses.map((cidr) => ({
        local: cidr.split("/")[0],
        prefixlen: Number(cidr.split("/")[1]),
        scope: "global",
        ...this.taken.has(cidr) && { dadfailed: true, tentative: true },
      })),
    };
  }

  #add(words: string[]): Partial<RunResult> | string {
    const of = words[0] === "link" ? words.splice(0, 2)[1] : undefined;
    const [word, name = "", type, kind = "", ...options] = words;
    if (word !== "name" || type !== "type") return refuse("what is this link?");
    if (this.link(name)) return refuse("File exists");
    if (of !== undefined && !this.link(of)) return refuse(`there is no ${of}`);
    const info: Record<string, unknown> = {};
    for (let i = 0; i < options.length; i += 2) {
      const [key, value] = [options[i]!, options[i + 1]!];
      if (
        !["id", "stp_state", "forward_delay", "mode", "miimon", "xmit_hash_policy", "lacp_rate"]
          .includes(key)
      ) {
        return refuse(`unknown option ${key}`);
      }
      info[key === "lacp_rate" ? "ad_lacp_rate" : key] = /^\d+$/.test(value)
        ? Number(value)
        : value;
    }
    const ifindex = ++this.#next;
    const link: FakeLink = {
      ...{
        ifindex,
        ifname: name,
        altnames: [],
        address: "02:00:00:00:00:01",
        up: false,
        mtu: 1500,
      },
      ...{ kind, info, addresses: [] },
    };
    if (of !== undefined) link.parent = this.link(of)!.ifname;
    this.links.push(link);
    return "";
  }

  #delete(links: FakeLink[], name: string): Partial<RunResult> | string {
    const at = links.findIndex((one) => one.ifname === name);
    if (at < 0) return refuse(`Cannot find device "${name}"`);
    for (const one of links) if (one.master === name) delete one.master;
    links.splice(at, 1);
    this.routes = this.routes.filter(({ dev }) => dev !== name);
    return "";
  }

  #set([word, name = "", ...what]: string[]): Partial<RunResult> | string {
    const link = word === "dev" ? this.link(name) : undefined;
    if (!link) return refuse(`Cannot find device "${name}"`);
    const [key, value = ""] = what;
    switch (key) {
      case "up":
      case "down":
        link.up = key === "up";
        if (!link.up) this.routes = this.routes.filter(({ dev }) => dev !== link.ifname);
        return "";
      case "nomaster":
        delete link.master;
        return "";
      case "mtu":
        link.mtu = Number(value);
        return "";
      case "name":
        if (link.up) return refuse("Device or resource busy");
        if (this.link(value)) return refuse("File exists");
        link.ifname = value;
        return "";
      case "master":
        if (this.link(value)?.kind === "bond" && link.up) {
          return refuse("Device can not be enslaved while up.");
        }
        link.master = value;
        return "";
      case "type":
        for (let i = 2; i < what.length; i += 2) {
          link.info[what[i]!] = /^\d+$/.test(what[i + 1]!) ? Number(what[i + 1]) : what[i + 1];
        }
        return "";
    }
    return refuse(`the fake can't set ${key}`);
  }

  #property([verb, , name = "", , alias = ""]: string[]): Partial<RunResult> | string {
    const link = this.link(name);
    if (!link) return refuse(`Cannot find device "${name}"`);
    if (verb === "add" && this.link(alias)) return refuse("File exists");
    link.altnames = verb === "add"
      ? [...link.altnames, alias]
      : link.altnames.filter((one) => one !== alias);
    return "";
  }

  #address(verb: string, [cidr = "", ...rest]: string[]): Partial<RunResult> | string {
    const link = this.link(rest.at(-1)!);
    if (!link || rest.at(-2) !== "dev") return refuse("no device");
    const has = link.addresses.includes(cidr);
    if (verb === "add" && has) return refuse("File exists");
    if (verb === "del" && !has) return refuse("Cannot assign requested address");
    link.addresses = verb === "add"
      ? [...link.addresses, cidr]
      : link.addresses.filter((one) => one !== cidr);
    return "";
  }

  #route(verb: string, family: string, [to = "", ...words]: string[]): Partial<RunResult> | string {
    const value = (key: string) => words.includes(key) ? words[words.indexOf(key) + 1] : undefined;
    const gateway = value("via");
    const dev = this.link(value("dev")!);
    if (!dev?.up) return refuse("Network is down");
    const dst = to.replace(/\/(?:32|128)$/, "");
    const route = {
      family,
      dst,
      dev: dev.ifname,
      metric: Number(value("metric")),
      protocol: value("proto")!,
    };
    const isOther = (one: FakeRoute) =>
      one.dst !== dst || one.metric !== route.metric || one.family !== family;
    const others = this.routes.filter(isOther);
    if (verb === "del" && others.length === this.routes.length) return refuse("No such process");
    const isOnCable = (address: string) =>
      this.routes.some((one) => one.dev === route.dev && one.dst === address) ||
      dev.addresses.some((one) =>
        one.split(".").slice(0, 3).join() === address.split(".").slice(0, 3).join()
      );
    if (verb === "replace" && gateway && !isOnCable(gateway)) {
      return refuse("Nexthop has invalid gateway.");
    }
    this.routes = verb === "del" ? others : [...others, { ...route, ...gateway && { gateway } }];
    return "";
  }

  #dhcp(verb: string, name: string, family: string): Partial<RunResult> | string {
    if (verb === "list") return [...this.clients].map((one) => `${one}\n`).join("");
    const link = this.link(name);
    const lease = `${DHCP_DIR}/${name}.${family}.lease`;
    if (verb === "start" && link) {
      this.clients.add(`${name} ${family}`);
      link.addresses.push("10.9.0.20/24");
      this.put(lease, "address 10.9.0.20/24\ndns 10.9.0.1\n");
      return "";
    }
    if (verb !== "stop") return refuse(`unknown verb ${verb}`);
    this.clients.delete(`${name} ${family}`);
    if (link) link.addresses = link.addresses.filter((one) => one !== "10.9.0.20/24");
    this.nodes.delete(lease);
    return "";
  }

  #kernel(verb: string, path: string | undefined, stdin: string): Partial<RunResult> | string {
    if (verb === "read") {
      return stdin.split("\n").filter((one) => one.endsWith("accept_ra"))
        .map((one) => `${one}:${this.ipv6.get(one) ?? "1"}\n`).join("");
    }
    if (verb !== "write" || !path?.startsWith("/proc/sys/net/ipv6/conf/")) {
      return refuse("not that");
    }
    this.ipv6.set(path, stdin.trim());
    return stdin;
  }

  #resolv(verb: string): string {
    const text = this.nodes.has(`${DHCP_DIR}/resolv`)
      ? this.textOf(`${DHCP_DIR}/resolv`).replace("dhcp no\n", "")
      : "";
    if (verb === "write" && text !== "") this.put("/etc/resolv.conf", text);
    return verb === "show" ? text : "";
  }

  #ethtool(args: readonly string[]): Partial<RunResult> | string {
    const [first = "", name = "", , mode] = args;
    if (first === "-s") this.wakes.set(name, mode === "g");
    else return `Settings for ${first}:\n\tWake-on: ${this.wakes.get(first) ? "g" : "d"}\n`;
    return "";
  }
}
