import { assertEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";
import { isUntimely } from "../../lib/network_reason.ts";
import { judgedTest } from "../support/tools.ts";

const host = new DenoHost();
const CA = `[ca]
default_ca=it
[it]
database=index
serial=serial
new_certs_dir=.
default_md=sha256
policy=policy
x509_extensions=leaf
[policy]
commonName=supplied
[leaf]
subjectAltName=DNS:localhost
`;

async function openssl(dir: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await host.run(["openssl", ...args], { cwd: dir });
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

/** What comes of a request to a server whose certificate holds between two times. */
async function outcome(dir: string, from: string, until: string): Promise<unknown> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const leaf = ["-keyout", "leaf.key", "-out", "leaf.csr", "-subj", `/CN=${from}-${until}`];
  await openssl(dir, "req", ...key, ...leaf);
  const by = ["-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key"];
  const dates = ["-startdate", from, "-enddate", until];
  await openssl(dir, "ca", "-batch", ...by, "-in", "leaf.csr", "-out", "leaf.pem", ...dates);
  const read = (name: string) => Deno.readTextFile(`${dir}/${name}`);
  const [cert, keyText, ca] = [
    await read("leaf.pem"),
    await read("leaf.key"),
    await read("ca.pem"),
  ];
  const options = { port: 0, hostname: "localhost", cert, key: keyText, onListen: () => {} };
  await using server = Deno.serve(options, () => new Response("ok"));
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const asked = async () => {
    const response = await fetch(`https://localhost:${server.addr.port}/`, { client });
    await response.body?.cancel();
    return response.status;
  };
  return await asked().catch((error) => error);
}

judgedTest(
  "isUntimely() knows what TLS says of a certificate by its time",
  ["openssl"],
  async (dir) => {
    await Deno.writeTextFile(`${dir}/ca.cnf`, CA);
    await Deno.writeTextFile(`${dir}/index`, "");
    await Deno.writeTextFile(`${dir}/serial`, "01");
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    const files = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "36500"];
    await openssl(dir, "req", "-x509", ...key, ...files);
    assertEquals(await outcome(dir, "20200101000000Z", "20991231000000Z"), 200);
    assertEquals(isUntimely(await outcome(dir, "20200101000000Z", "20210101000000Z")), true);
    assertEquals(isUntimely(await outcome(dir, "20980101000000Z", "20991231000000Z")), true);
  },
);
