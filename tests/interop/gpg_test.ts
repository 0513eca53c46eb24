/** The passphrase file is made, and read again, by the real gpg with a key of its own. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { text } from "../../lib/bytes.ts";
import { DenoHost } from "../../lib/deno_host.ts";
import { EXIT } from "../../lib/errors.ts";
import { isEncrypted } from "../../lib/trust/minisign_sign.ts";
import { needTool } from "../support/tools.ts";

const host = new DenoHost();
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const RECIPIENT = "ann@example.org";

Deno.test({
  name: "keys init --gpg makes a passphrase that only the recipient's gpg key gives back",
  ...needTool("gpg"),
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "psyopsos-gpg-" });
    // gpg's agent listens on a socket in its home, whose path must be short.
    const env = { GNUPGHOME: `${dir}/g`, NO_COLOR: "1" };
    const gpg = (...args: string[]) => host.run(["gpg", "--batch", ...args], { env, cwd: dir });
    const task = async (name: string, ...args: string[]) => {
      const deno = [
        Deno.execPath(),
        "run",
        "-q",
        "--config",
        `${REPOSITORY}/deno.json`,
        "-P=build",
      ];
      const program = `${REPOSITORY}/tasks/${name}.ts`;
      const { code, stdout, stderr } = await host.run([...deno, program, ...args], {
        env,
        cwd: dir,
      });
      return { code, output: text(stdout) + text(stderr) };
    };
    try {
      await host.mkdir(env.GNUPGHOME, { mode: 0o700 });
      const made = await gpg("--passphrase", "", "--quick-gen-key", `Ann <${RECIPIENT}>`);
      assertEquals(made.code, 0, text(made.stderr));

      const stranger = await task("keys", "init", "--gpg", "bob@example.org");
      assertEquals(stranger.code, EXIT.failed, stranger.output);
      assertMatch(stranger.output, /^Cannot encrypt the passphrase to bob@example\.org: gpg: .*\n/);
      assertEquals(await host.stat(`${dir}/keys`), undefined);
      assertEquals(await host.stat(`${dir}/.minisign-pass-secret`), undefined);

      const init = await task("keys", "init", "--gpg", RECIPIENT);
      assertEquals(init.code, EXIT.ok, init.output);
      const secretFile = `${dir}/.minisign-pass-secret`;
      assertEquals((await host.stat(secretFile))?.mode, 0o600);
      const file = await host.readTextFile(secretFile);
      assertStringIncludes(file, "BEGIN PGP MESSAGE");
      assert(isEncrypted(await host.readTextFile(`${dir}/keys/minisign.seckey`)));
      const passphrase = text((await gpg("--quiet", "--decrypt", secretFile)).stdout);
      assertMatch(passphrase, /^[\w-]{32}$/);
      assertEquals((init.output + file).includes(passphrase), false);

      await host.writeFile(`${dir}/f`, "signed without a question\n");
      const signed = await task("sign", "f");
      assertEquals(signed.code, EXIT.ok, signed.output);
      assertEquals((await task("sign", "verify", "f")).code, EXIT.ok);

      const again = await task("keys", "init", "--gpg", RECIPIENT, "--keys", "other");
      assertEquals(again.code, EXIT.failed);
      assertStringIncludes(again.output, "exists already");
      await host.writeFile(secretFile, "not for gpg\n");
      const damaged = await task("sign", "f");
      assertEquals(damaged.code, EXIT.failed);
      assertStringIncludes(
        damaged.output,
        "Cannot decrypt .minisign-pass-secret: gpg ended with 2",
      );
    } finally {
      await host.run(["gpgconf", "--kill", "all"], { env });
      await host.remove(dir);
    }
  },
});
