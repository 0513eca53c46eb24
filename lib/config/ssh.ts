/**
 * The key `ssh`: settings of the SSH server. The host key is the identity drive's, and who may log in by key stands in `users`.
 *
 * @module
 */
import * as v from "valibot";
import {
  anyText,
  boolean,
  dictionary,
  keyLineProblem,
  line,
  mapping,
  matching,
  oneOf,
  publicKeyLine,
  wholeNumber,
} from "../schema/fields.ts";
import { parseHostCertificate } from "../schema/ssh_certificate.ts";
import { described, ruled } from "../schema/words.ts";
import { compare, configKey, tellable } from "./key.ts";

export { isCertificateOf } from "../schema/ssh_certificate.ts";

const OPEN = { since: "0.2.0", secrecy: "open" } as const;

/** Settings that have a field of their own, by their keyword in lower case. */
const FIELDS: ReadonlyMap<string, string> = new Map([
  ["port", "port"],
  ["passwordauthentication", "passwordAuthentication"],
  ["permitrootlogin", "permitRootLogin"],
  ["hostcertificate", "hostCertificate"],
  ["trustedusercakeys", "trustedUserCAs"],
]);
/** Settings that would take from the agent what it answers for, or let other files count in the middle of this one. */
const NOT_HERE = ["authorizedkeysfile", "hostkey", "hostkeyagent", "include", "match", "pidfile"];

function settingProblem(_value: string, keyword: string): string | undefined {
  const field = FIELDS.get(keyword.toLowerCase());
  if (field !== undefined) return `has a field of its own: ssh.${field}`;
  return NOT_HERE.includes(keyword.toLowerCase())
    ? "can't be set here: it is the agent's, or reaches beyond one setting"
    : undefined;
}

function certificateProblem(given: string): string | undefined {
  const parsed = parseHostCertificate(given);
  return "problem" in parsed ? parsed.problem : undefined;
}

const schema = mapping({
  port: v.optional(
    described(wholeNumber(1, 65535), "Port that the server listens on.", {
      ...OPEN,
      unit: "(TCP port)",
      default: "the image's, 22",
    }),
  ),
  passwordAuthentication: v.optional(
    described(
      boolean,
      "Whether accounts with a `passwordHash` may log in by password over the network, too.",
      { ...OPEN, default: "the image's, false" },
    ),
  ),
  permitRootLogin: v.optional(
    described(
      oneOf(["no", "prohibit-password", "forced-commands-only", "yes"]),
      "How root may log in.",
      { ...OPEN, default: "the image's, prohibit-password" },
    ),
  ),
  hostCertificate: v.optional(
    described(
      ruled(
        line("the certificate of a host key"),
        "the certificate of a host key, ssh-ed25519-cert-v01@openssh.com AAAA…",
      ),
      "Certificate of the node's host key, so that clients believe the key that trust who signed it (`ssh-keygen -s CA -h -I " +
        "NAME -n NAMES host.pub`); a node's `sshHostKey` is the line to sign.",
      { ...OPEN, desk: certificateProblem },
    ),
  ),
  trustedUserCAs: v.optional(
    described(
      dictionary(
        matching(
          /^[A-Za-z0-9][A-Za-z0-9@._-]{0,63}$/,
          "a name: up to 64 of A-Z, a-z, 0-9, @, ., _ and -",
        ),
        described(publicKeyLine, "One authority's public key, by any name.", {
          ...OPEN,
          desk: keyLineProblem,
        }),
      ),
      "Who may sign certificates by which people log in, as any account whose name the certificate holds.",
      { ...OPEN, default: "none" },
    ),
  ),
  settings: v.optional(
    described(
      dictionary(
        matching(/^[A-Z][A-Za-z0-9]{1,63}$/, "a keyword of sshd_config, e.g. MaxAuthTries"),
        described(
          ruled(line("text in quotes"), 'text as it stands in sshd_config, e.g. "3"'),
          "What one keyword is set to.",
          { ...OPEN, desk: settingProblem },
        ),
      ),
      "Other settings of sshd_config(5), by their keywords. `Match` blocks stand in a file of /etc/ssh/sshd_config.d/ (`files`).",
      { ...OPEN, default: "none" },
    ),
  ),
});

/** Settings of the server. */
export type SshConfig = v.InferOutput<typeof schema>;

/** What sshd listens on where nothing is said. */
const SSH_PORT = 22;

/** The ports that sshd listens on by these settings. */
function sshPorts({ port = SSH_PORT, settings = {} }: SshConfig = {}): number[] {
  const listen = Object.entries(settings).filter(([keyword]) =>
    keyword.toLowerCase() === "listenaddress"
  );
  // "ADDRESS:PORT", "[ADDRESS]:PORT"; an address of version 6 has more colons.
  const own = listen.flatMap(([, value]) =>
    /^(?:\[[^\]]*\]|[^\s:]+):([0-9]{1,5})(?:\s|$)/.exec(value.trim())?.slice(1, 2).map(Number) ?? []
  );
  return own.length > 0 ? own : [port];
}

/** Where the settings are: the first value of a setting counts, and the image's file is `50-psyopsos.conf`. */
export const SSH_SETTINGS_FILE = "/etc/ssh/sshd_config.d/10-psyopsos.conf";
/** Where the certificate of the host key is. */
export const SSH_CERTIFICATE_FILE = "/etc/ssh/ssh_host_ed25519_key-cert.pub";
/** Where the keys of authorities are. */
export const SSH_AUTHORITIES_FILE = "/etc/ssh/trusted_user_cas";

/** The server's settings as they are wanted. */
export interface DesiredSsh {
  /** Keywords and values, in the order of the file. */
  settings: (readonly [keyword: string, value: string])[];
  hostCertificate?: string;
  /** Contents of the server's files by their paths, those that are to be there. */
  files: Readonly<Record<string, string>>;
}

const yesNo = (given: boolean) => given ? "yes" : "no";

export const ssh = configKey({
  schema: described(
    schema,
    "Settings of the SSH server. What is said here goes before what the image says. sshd tries the settings before they are " +
      "placed, and each is read back; where sshd refuses one, another file goes before it, or it would let none of the accounts " +
      "in that have a key, those that hold stay. They also stay where the server does not greet on each address that it listens " +
      "on, or the site does not answer any more. The server reads new settings without ending sessions. Left out, the image's " +
      "settings are in force.",
    { since: "0.2.0", default: "the image's settings, and the host key of the identity drive" },
  ),
  example: 'ssh:\n  port: 22\n  permitRootLogin: no\n  settings:\n    MaxAuthTries: "3"\n',
  desired: (value = {}): DesiredSsh => {
    const { port, passwordAuthentication, permitRootLogin, hostCertificate } = value;
    const authorities = Object.values(value.trustedUserCAs ?? {});
    const others = Object.entries(value.settings ?? {}).sort(([a], [b]) => a < b ? -1 : 1);
    const settings: DesiredSsh["settings"] = [
      ...port === undefined ? [] : [["Port", `${port}`] as const],
      ...passwordAuthentication === undefined
        ? []
        : [["PasswordAuthentication", yesNo(passwordAuthentication)] as const],
      ...permitRootLogin === undefined ? [] : [["PermitRootLogin", permitRootLogin] as const],
      ...hostCertificate === undefined ? [] : [["HostCertificate", SSH_CERTIFICATE_FILE] as const],
      ...authorities.length === 0 ? [] : [["TrustedUserCAKeys", SSH_AUTHORITIES_FILE] as const],
      ...others,
    ];
    const text = settings.map(([keyword, value]) => `${keyword} ${value}\n`).join("");
    return {
      settings,
      hostCertificate,
      files: {
        ...hostCertificate !== undefined && { [SSH_CERTIFICATE_FILE]: `${hostCertificate}\n` },
        ...authorities.length > 0 &&
          { [SSH_AUTHORITIES_FILE]: [...new Set(authorities)].map((key) => `${key}\n`).join("") },
        ...text !== "" && { [SSH_SETTINGS_FILE]: text },
      },
    };
  },
  problems: ({ settings = {} }) => {
    const known = new Map<string, string>();
    return Object.keys(settings).flatMap((keyword) => {
      const other = known.get(keyword.toLowerCase());
      known.set(keyword.toLowerCase(), keyword);
      return other === undefined ? [] : [`ssh.settings: ${other} and ${keyword} are one setting`];
    });
  },
  needs: { programs: ["rc-service", "sshd", "ip"], packages: ["openssh-server"] },
  admits: (value) => ({ tcp: sshPorts(value) }),
  inParts: true,
  owns: [
    ["path", SSH_SETTINGS_FILE],
    ["path", SSH_CERTIFICATE_FILE],
    ["path", SSH_AUTHORITIES_FILE],
    ["service", "sshd"],
  ],
  /** Texts of the server's files by their paths, as far as they are there. */
  observed: v.record(anyText, anyText),
  differences: ({ files }, seen, shown) =>
    SSH_FILES.flatMap((path) =>
      compare(path, seen[path] ?? "", tellable(files[path] ?? "", shown.files[path] ?? ""))
    ),
});

/** All files of the key, the one last that names the others. */
export const SSH_FILES = [SSH_CERTIFICATE_FILE, SSH_AUTHORITIES_FILE, SSH_SETTINGS_FILE] as const;
