/** The programs that files need: the shell that runs their validate commands, and ip. */
import { JUDGE } from "../../../agent/resources/validate.ts";
import { VALIDATE_DIR } from "../../../agent/system/paths.ts";
import { utf8 } from "../../../lib/bytes.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { ROOT_FILES } from "./root_files.ts";

/** A node with these programs. `check <file>` refuses a file that says "bad", and quotes its first line. */
export function filesHost(): FakeHost {
  const host = new FakeHost(ROOT_FILES);
  host.programs.set("/bin/sh", (args, options) => {
    const [option, script, name, command, ...more] = args;
    if (option !== "-c" || script !== JUDGE || name !== "sh" || more.length > 0) {
      throw new Error(`sh: ${args.join(" ")}`);
    }
    if (!options.session || !options.clearEnv || options.timeoutMs === undefined) {
      throw new Error("sh: without its own session, environment or time");
    }
    const [program, file = ""] = command!.split(" ");
    if (program !== "check") return { code: 127, stdout: utf8(`sh: ${program}: not found\n`) };
    if (!file.startsWith(`${VALIDATE_DIR}/`)) throw new Error(`check: ${file}`);
    const said = host.textOf(file).split("\n")[0];
    const isBad = host.textOf(file).includes("bad");
    return {
      code: isBad ? 1 : 0,
      stdout: utf8(isBad ? `${file}: line 1: ${said}\n1 error\n` : ""),
    };
  });
  host.programs.set("ip", (args) => {
    if (args.join(" ") !== "-o addr show") throw new Error(`ip: ${args.join(" ")}`);
    return "1: lo    inet 127.0.0.1/8 scope host lo\n" +
      "2: eth0    inet 192.0.2.5/24 brd 192.0.2.255 scope global eth0\n" +
      "2: eth0    inet 192.0.2.6/24 scope global secondary eth0\n" +
      "2: eth0    inet6 2001:db8::5/64 scope global\n" +
      "2: eth0    inet6 fe80::5/64 scope link\n";
  });
  return host;
}
