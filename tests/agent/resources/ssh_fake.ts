/** The SSH server of a node in memory. */
import { utf8 } from "../../../lib/bytes.ts";
import type { RunResult } from "../../../lib/host.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Keywords that it knows, what they may be set to, and what they are when nothing is said. */
const KEYWORDS: Readonly<Record<string, [pattern: RegExp, ...defaults: string[]]>> = {
  acceptenv: [/./],
  allowgroups: [/./],
  allowusers: [/./],
  authenticationmethods: [/./, "any"],
  authorizedkeysfile: [/./, ".ssh/authorized_keys"],
  denyusers: [/./],
  hostcertificate: [/^\//, "none"],
  hostkey: [/^\//],
  logingracetime: [/^\d+m?$/, "120"],
  maxauthtries: [/^\d+$/, "6"],
  passwordauthentication: [/^(?:yes|no)$/, "yes"],
  permitrootlogin: [/^(?:yes|no|prohibit-password|forced-commands-only)$/, "prohibit-password"],
  port: [/^\d+$/, "22"],
  pubkeyauthentication: [/^(?:yes|no)$/, "yes"],
  trustedusercakeys: [/^\//, "none"],
};
/** Those of which each line counts. */
const LISTS = ["acceptenv", "allowusers", "hostkey", "port"];

/** Answers `rc-service sshd`, `sshd -t` and `sshd -T -f FILE`. */
export class SshFake {
  running = false;
  /** What the running server has read, as `sshd -T` would tell it. */
  inForce: string[] = [];
  /** How often it was made to read its files. */
  reloads = 0;

  /** Whether the running server answers whoever connects. */
  answers = true;

  constructor(private readonly host: FakeHost) {
    host.greetings = (_address, port) =>
      this.answers && this.running && this.inForce.includes(`port ${port}`)
        ? "SSH-2.0-OpenSSH_10.2\r\n"
        : undefined;
    if (!host.programs.has("ip")) {
      host.programs.set(
        "ip",
        (args) =>
          args.join(" ") === "-o addr show"
            ? "1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet 10.0.2.15/24 scope global eth0\n"
            : { code: 1, stderr: utf8("ip: unknown words\n") },
      );
    }
    host.put("/etc/init.d/sshd", "#!/sbin/openrc-run\n");
    host.put("/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\nAcceptEnv LANG\n");
    host.put(
      "/etc/ssh/sshd_config.d/50-psyopsos.conf",
      "HostKey /etc/ssh/ssh_host_ed25519_key\nPasswordAuthentication no\n" +
        "AuthorizedKeysFile /etc/ssh/authorized_keys.d/%u\n",
      0o600,
    );
    host.programs.set("rc-service", ([service, verb, ...more]) => {
      if (service !== "sshd" || more.length > 0) {
        return { code: 1, stderr: utf8(`no service ${service}`) };
      }
      return this.#service(verb ?? "");
    });
    host.programs.set("sshd", (args) => {
      const [option, flag, file, who, login, ...more] = args;
      if (option === "-t" && flag === undefined) return this.#judge("/etc/ssh/sshd_config");
      if (option === "-T" && flag === undefined) return this.#listening();
      const isAbout = who === undefined || who === "-C" && /^user=[^,]+,host=[^,]+,addr=[^,]+$/
            .test(login ?? "");
      if (option === "-T" && flag === "-f" && file && isAbout && more.length === 0) {
        return this.#judge(file);
      }
      return { code: 255, stderr: utf8("unknown option") };
    });
  }

  #service(verb: string): Partial<RunResult> {
    const judged = this.#judge("/etc/ssh/sshd_config");
    switch (verb) {
      case "status":
        return { code: this.running ? 0 : 3 };
      case "checkconfig":
        return judged;
      case "start":
        this.running = judged.code === 0;
        this.inForce = this.running ? this.#read("/etc/ssh/sshd_config") : [];
        return { code: judged.code };
      case "reload":
        if (!this.running) return { code: 1 };
        this.reloads++;
        // It begins anew with its files, and ends where it refuses them.
        return this.#service("start");
      default:
        return { code: 1, stderr: utf8(`unknown verb ${verb}`) };
    }
  }

  #judge(file: string): Partial<RunResult> & { code: number } {
    try {
      return { code: 0, stdout: utf8(this.#read(file).map((line) => `${line}\n`).join("")) };
    } catch (error) {
      return { code: 255, stderr: utf8(`${(error as Error).message}\n`) };
    }
  }

  /** What `sshd -T` tells of its own files: where it would listen, beside the rest. */
  #listening(): Partial<RunResult> {
    const judged = this.#judge("/etc/ssh/sshd_config");
    if (judged.code !== 0) return judged;
    const told = new TextDecoder().decode(judged.stdout);
    const addresses = [...told.matchAll(/^port (.*)$/gm)].flatMap(([, port]) => [
      `listenaddress [::]:${port}\n`,
      `listenaddress 0.0.0.0:${port}\n`,
    ]);
    return { code: 0, stdout: utf8(told + addresses.join("")) };
  }

  /** What is in force by a file: the first value of each keyword, all of lists. */
  #read(file: string): string[] {
    const found = new Map<string, string[]>();
    this.#readInto(found, file);
    if (!found.has("hostkey")) throw new Error("sshd: no hostkeys available -- exiting.");
    for (const path of found.get("hostkey")!) {
      if (!this.host.nodes.has(path)) throw new Error(`Unable to load host key: ${path}`);
    }
    return Object.entries(KEYWORDS).flatMap(([keyword, [, ...defaults]]) =>
      (found.get(keyword) ?? defaults).map((value) => `${keyword} ${value}`)
    );
  }

  #readInto(found: Map<string, string[]>, file: string): void {
    for (const [i, line] of this.host.textOf(file).split("\n").slice(0, -1).entries()) {
      const [keyword = "", value = ""] = [line.split(" ")[0], line.slice(line.indexOf(" ") + 1)];
      const key = keyword.toLowerCase();
      if (key === "include") {
        for (const included of this.#matching(value)) this.#readInto(found, included);
        continue;
      }
      const known = KEYWORDS[key];
      if (!known) throw new Error(`${file}: line ${i + 1}: Bad configuration option: ${keyword}`);
      if (!known[0].test(value)) {
        throw new Error(`${file} line ${i + 1}: unsupported option "${value}".`);
      }
      const [, minutes] = /^(\d+)m$/.exec(value) ?? [];
      const meant = minutes ? `${Number(minutes) * 60}` : value;
      if (LISTS.includes(key)) found.set(key, [...found.get(key) ?? [], meant]);
      else if (!found.has(key)) found.set(key, [meant]);
    }
  }

  #matching(pattern: string): string[] {
    const [before = "", after] = pattern.split("*");
    if (after === undefined) return [pattern];
    return [...this.host.nodes.keys()].filter((path) =>
      path.startsWith(before) && path.endsWith(after) && !path.slice(before.length).includes("/")
    ).sort();
  }
}
