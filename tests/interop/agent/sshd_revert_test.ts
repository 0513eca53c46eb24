/** The script that brings earlier settings of the SSH server back, under the shells of nodes. */
import { assertEquals } from "@std/assert";
import { placeScript } from "../../../agent/resources/sshd.ts";
import { SSH_FILES, SSH_SETTINGS_FILE } from "../../../lib/config/ssh.ts";
import { SHELLS } from "../../support/static_busybox.ts";
import { judgedTest } from "../../support/tools.ts";

const [CERTIFICATE, AUTHORITIES] = SSH_FILES;
/** What a shell would make something of, had it to read it. */
const TEXT = 'Banner "$(id)\'` \\n"\nPort 22\n';

for (const { name, tools, command } of SHELLS) {
  judgedTest(
    `earlier settings come back whole, and sshd reads them, under ${name}`,
    [...tools, "base64"],
    async (dir) => {
      const place = (path: string) => `${dir}${path}`;
      await Deno.mkdir(place("/etc/ssh/sshd_config.d"), { recursive: true });
      await Deno.writeTextFile(place(CERTIFICATE), "new");
      await Deno.writeTextFile(place(SSH_SETTINGS_FILE), "new");
      const script = placeScript(
        new Map([[CERTIFICATE, undefined], [AUTHORITIES, "key\n"], [SSH_SETTINGS_FILE, TEXT]]),
      ).replaceAll("/etc/ssh", place("/etc/ssh"));
      for (const [works, code] of [[true, 0], [false, 1]] as const) {
        const fakes = `sshd() { echo "sshd $*" >>${dir}/log; ${works}; }\n` +
          `service() { echo "rc-service $*" >>${dir}/log; [ "$2" = restart ]; }\n`;
        const body = fakes + script.replaceAll("rc-service sshd", "service sshd");
        const [program = "", ...args] = [...await command(), "-c", body];
        assertEquals((await new Deno.Command(program, { args }).output()).code, code);
      }
      const log = "sshd -t\nrc-service sshd reload\nrc-service sshd restart\nsshd -t\n";
      assertEquals(await Deno.readTextFile(`${dir}/log`), log);
      assertEquals(await Deno.readTextFile(place(SSH_SETTINGS_FILE)), TEXT);
      assertEquals((await Deno.stat(place(SSH_SETTINGS_FILE))).mode! & 0o777, 0o600);
      assertEquals(await Deno.readTextFile(place(AUTHORITIES)), "key\n");
      const names = [...Deno.readDirSync(place("/etc/ssh"))].map((entry) => entry.name);
      assertEquals(names.sort(), ["sshd_config.d", "trusted_user_cas"]);
    },
  );
}
