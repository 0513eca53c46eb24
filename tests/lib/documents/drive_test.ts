import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { text, utf8 } from "../../../lib/bytes.ts";
import {
  DriveError,
  driveFiles,
  MAX_DRIVE_FILE_BYTES,
  MAX_SITES,
  parseDrive,
  parseSites,
  parseStaticNetwork,
  type StaticNetwork,
} from "../../../lib/documents/drive.ts";
import { publicKeyOf } from "../../../lib/trust/minisign_sign.ts";
import { KEY } from "../../site/support.ts";
import { AGE_PAIR, driveTexts } from "../../support/drive_texts.ts";

const NETWORK = { address: "192.0.2.10/24", gateway: "192.0.2.1", dns: ["192.0.2.2"] };

const TIME_SERVERS = ["time.example", "2001:db8::123"];

/** A drive on which some files are others, or missing. */
function drive(change: Record<string, string | Uint8Array | undefined> = {}) {
  const files = new Map<string, Uint8Array | undefined>(
    [...driveFiles(driveTexts({ network: NETWORK, timeServers: TIME_SERVERS }))].map((
      [name, { data }],
    ) => [name, data]),
  );
  for (const [name, data] of Object.entries(change)) {
    files.set(name, typeof data === "string" ? utf8(data) : data);
  }
  return (name: string) => Promise.resolve(files.get(name));
}

Deno.test("parseDrive() reads what driveFiles() writes", async () => {
  const texts = driveTexts();
  assertEquals(await parseDrive(drive()), {
    name: "alpha",
    ageKeys: [AGE_PAIR.identity],
    pinned: publicKeyOf(KEY),
    sites: [...texts.sites],
    sshHostKey: texts.sshHostKey,
    sshHostPublicKey: texts.sshHostKeyPublic,
    network: NETWORK,
    timeServers: TIME_SERVERS,
  });
});

Deno.test("parseDrive() does without what is optional, and names what is missing or no text", async () => {
  const optional = ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "network.json", "ntp"];
  const least = await parseDrive(
    drive(Object.fromEntries(optional.map((name) => [name, undefined]))),
  );
  assertEquals(Object.keys(least), ["name", "ageKeys", "pinned", "sites"]);
  const cases: [string, string | Uint8Array | undefined, string][] = [
    ["nodename", undefined, "it is missing"],
    ["nodename", "", "it is empty"],
    ["nodename", "Not A Name\n", "it holds no node name"],
    ["nodename", "global\n", "it holds no node name"],
    ["nodename", "x".repeat(MAX_DRIVE_FILE_BYTES + 1), "it is longer than 16384 bytes"],
    ["age.key", new Uint8Array([0xff]), "it is no text in UTF-8"],
    ["age.key", "AGE-SECRET-KEY-1NONE\n", "line 1"],
    ["minisign.pubkey", "untrusted comment: x\nRWQ\n", ""],
    ["ssh_host_ed25519_key", "ssh", "it is no OpenSSH private key file"],
    ["network.json", "{}", "address: is missing"],
    ["ntp", "# none\n", "must name one at least"],
    ["ntp", "time.example\nhttp://x\n", "must be a host name or an IP address"],
    ["ntp", "time.example\n".repeat(9), "must have at most 8 entries"],
  ];
  for (const [name, data, state] of cases) {
    const error = await assertRejects(() => parseDrive(drive({ [name]: data })), DriveError, state);
    assertEquals(error.file, name);
  }
});

Deno.test("driveFiles() lets only root read the secrets", () => {
  const { ageIdentity, sshHostKey } = driveTexts();
  const files = driveFiles(driveTexts({ network: NETWORK, timeServers: TIME_SERVERS }));
  assertEquals(Object.fromEntries([...files].map(([name, { mode }]) => [name, mode])), {
    "nodename": 0o644,
    "age.key": 0o600,
    "minisign.pubkey": 0o644,
    "site": 0o644,
    "ssh_host_ed25519_key": 0o600,
    "ssh_host_ed25519_key.pub": 0o644,
    "network.json": 0o644,
    "ntp": 0o644,
  });
  for (const [name, { data, mode }] of files) {
    const secret = [ageIdentity, sshHostKey].some((one) => text(data) === one);
    assertEquals(secret, mode === 0o600, name);
  }
});

Deno.test("driveFiles() refuses what the node would refuse, in its words", async () => {
  const cases: [Parameters<typeof driveTexts>[0], string, string][] = [
    [{ network: { ...NETWORK, interface: "_lan" } }, "network.json", "interface: must be"],
    [{ network: { ...NETWORK, interface: "-lan" } }, "network.json", "interface: must be"],
    [{ network: { ...NETWORK, dns: Array(9).fill("192.0.2.1") } }, "network.json", "dns: must"],
    [
      { sites: Array.from({ length: MAX_SITES + 1 }, (_, i) => `http://${i}.example/`) },
      "site",
      "it holds more than 16 URLs",
    ],
    [{ sites: [] }, "site", "it holds no URL"],
    [{ name: "localhost" }, "nodename", "it holds no node name"],
    [{ ageIdentity: "" }, "age.key", "it is empty"],
  ];
  for (const [change, file, state] of cases) {
    const error = assertThrows(() => driveFiles(driveTexts(change)), DriveError, state);
    assertEquals(error.file, file);
  }
  const most = driveTexts({
    sites: Array.from({ length: MAX_SITES }, (_, i) => `http://${i}.example/`),
    network: { ...NETWORK, interface: "enp0s31f6.4094", dns: Array(8).fill("2001:db8::1") },
  });
  const files = driveFiles(most);
  const back = await parseDrive((name) => Promise.resolve(files.get(name)?.data));
  assertEquals([back.sites, back.network], [[...most.sites], most.network]);
});

Deno.test("parseSites() names the line that is no URL", () => {
  assertEquals(parseSites("# all\n\nhttp://a.test # first\n"), ["http://a.test/"]);
  for (
    const bad of [
      "",
      "# none\n",
      "http://a.test/?q\n",
      "file:///x\n",
      "http://\n",
      "http://a.test\x01\n",
      "http://\ta.test\n",
    ]
  ) {
    assertThrows(() => parseSites(bad), Error);
  }
  assertThrows(() => parseSites("http://a.test\nx\n"), Error, "line 2");
});

Deno.test("parseStaticNetwork() takes IPv4 and IPv6, one DNS server or several", () => {
  const good: StaticNetwork[] = [
    NETWORK,
    { address: "192.0.2.10/0", dns: "192.0.2.1" },
    { address: "2001:db8::10/128", gateway: "fe80::1", interface: "eth0" },
  ];
  for (const network of good) {
    assertEquals(parseStaticNetwork(JSON.stringify(network)), network);
  }
});

const WRONG: [unknown, string][] = [
  [[], "must be a mapping"],
  [{}, "address: is missing"],
  [{ address: "192.0.2.10" }, "address: must be an IP address with its prefix length"],
  [{ address: "192.0.2.10/33" }, "address: must be"],
  [{ address: "192.0.2.10/24/1" }, "address: must be"],
  [{ address: "192.0.2.300/24" }, "address: must be"],
  [{ address: "fe80::1%eth0/64" }, "address: must be"],
  [{ address: "host/24" }, "address: must be"],
  [{ address: "192.0.2.10/24", mask: 1 }, "mask: unknown key"],
  [{ address: "192.0.2.10/24", gateway: "gw" }, "gateway: must be an IP address"],
  [{ address: "192.0.2.10/24", gateway: "2001:db8::1" }, "gateway: must be of the same family"],
  [{ address: "192.0.2.10/24", dns: ["1.1.1"] }, "dns"],
  [{ address: "192.0.2.10/24", interface: "eth0; reboot" }, "interface: must be"],
];
for (const [network, message] of WRONG) {
  Deno.test(`parseStaticNetwork() refuses ${JSON.stringify(network)}`, () => {
    assertThrows(() => parseStaticNetwork(JSON.stringify(network)), Error, message);
  });
}
