/**
 * Fleet files that are wrong, each in one way. `⟦` stands in front of what the message must point at; the text after the
 * source must be part of the message.
 */
import { RECIPIENTS, SSH_KEYS } from "./support.ts";

/** What is wrong; path below the nodes directory; its text with the mark; part of the message; other files. */
export type Row = readonly [
  what: string,
  path: string,
  source: string,
  message: string,
  others?: Record<string, string>,
];

const R = RECIPIENTS[0];
const NODE = `recipient: ${R}\n`;
const node = (what: string, source: string, message: string, others = {}): Row => [
  ...[what, "n.yaml", NODE + source, message] as const,
  others,
];
const global = (what: string, source: string, message: string): Row => [
  ...[what, "global.yaml", source, message] as const,
];
const tag = (what: string, source: string, message: string): Row => [
  ...[what, "tags/lab.yaml", source, message] as const,
];

/** The same fault in each of these values of one key, at `indent`. */
function each(key: string, place: string, faults: [value: string, message: string][]): Row[] {
  return faults.map(([value, message]) =>
    node(`${key}: ${value}`.slice(0, 60), place.replace("…", `⟦${value}`), message)
  );
}

const NOT_TEXT = ["5", "true", "1.5", "[a]", "{a: b}"];
const NOT_LIST = ["5", "true", "text", "{a: b}"];
const NOT_NUMBER = ["'5'", "true", "five", "[5]", "{a: 5}"];
const at = (values: string[], message: string): [string, string][] =>
  values.map((value) => [value, message]);

const TYPES: Row[] = [
  ...each("hostname", "config:\n  hostname: …\n", [
    ...at(NOT_TEXT, "config.hostname must be a host name"),
    ...at(
      ["Upper", "'a b'", "-a", "a-", "a..b", ".a", "a_b", "'ä'", "''", "a/b"],
      "config.hostname must be a host name in lower case",
    ),
    ["a".repeat(65), "config.hostname must be at most 64 characters"],
  ]),
  ...each("uid", "config:\n  users:\n    ops:\n      uid: …\n", [
    ...at(NOT_NUMBER, "config.users.ops.uid must be a number"),
    ...at(["1.5", ".inf", "1e-3"], "config.users.ops.uid must be a whole number"),
    ...at(["0", "-1", "2147483647"], "config.users.ops.uid must be 1 to 2147483646"),
    ...at(["65533", "65534", "65535"], "config.users.ops.uid must not be 65533 to 65535"),
    [".nan", "config.users.ops.uid must be a number"],
  ]),
  ...each("comment", "config:\n  users:\n    ops:\n      comment: …\n", [
    ...at(NOT_TEXT, "config.users.ops.comment must be up to 128 characters"),
    ...at(["'a:b'", '"a\\nb"', "x".repeat(129)], "comment must be up to 128 characters"),
  ]),
  ...each("groups", "config:\n  users:\n    ops:\n      groups: …\n", [
    ...at(["5", "wheel"], "config.users.ops.groups must be a mapping"),
    [
      "[wheel, adm]",
      "config.users.ops.groups must be a mapping, {wheel: true, adm: true}: deno task site --migrate",
    ],
  ]),
  ...each("a group", "config:\n  users:\n    ops:\n      groups: {…: true}\n", [
    ...at(["5", "Wheel", "'a b'", "1a", "''"], "must be an account name"),
  ]),
  ...each("membership", "config:\n  users:\n    ops:\n      groups: {ok: …}\n", [
    ...at(
      ["5", "false", "'true'", "[x]", "yes"],
      "groups.ok must be true, or null to take it away",
    ),
  ]),
  ...each("shell", "config:\n  users:\n    ops:\n      shell: …\n", [
    ...at(["5", "[a]"], "config.users.ops.shell must be a path"),
    ...at(
      ["bin/sh", "/a/../b", "/a//b", "/a/", "/", "/proc/1", "/./a"],
      "must be an absolute path",
    ),
    [`/${"a".repeat(4095)}`, "must be at most 4095 characters"],
  ]),
  ...each("sshKeys", "config:\n  users:\n    ops:\n      sshKeys: …\n", [
    ...at(["5", "ssh-ed25519"], "config.users.ops.sshKeys must be a mapping"),
    [`[${SSH_KEYS[0]}]`, "sshKeys must be a mapping, {a: …}: deno task site --migrate"],
  ]),
  ...each("an SSH key", "config:\n  users:\n    ops:\n      sshKeys: {a: …}\n", [
    ...at(["5", "[a]"], "sshKeys.a must be an SSH public key line"),
    ...at(
      ["ssh-ed25519", "ssh-ed25519 AAAA", "ssh-foo AAAAB3Nza", "'ssh-ed25519 A!'", "AAAAC3NzaC1"],
      "sshKeys.a must be an SSH public key line",
    ),
    ['"ssh-ed25519\\nAAAA"', "sshKeys.a must be one line without control characters"],
    [`'restrict,hunter2 ${SSH_KEYS[0]}'`, "sshKeys.a has an option that sshd does not know"],
    [`'command="a ${SSH_KEYS[0]}'`, "sshKeys.a has a quote in its options that is not closed"],
    [`'restrict, pty ${SSH_KEYS[0]}'`, "sshKeys.a must be an SSH public key line"],
    [`'# ${SSH_KEYS[0]}'`, "sshKeys.a is a comment"],
    [`${SSH_KEYS[0].slice(0, -6)}`, "sshKeys.a holds no whole ssh-ed25519 key"],
  ]),
  ...each("content", "config:\n  files:\n    /etc/x:\n      content: …\n", [
    ...at(NOT_TEXT, "config.files./etc/x.content must be text"),
  ]),
  ...each("encoding", "config:\n  files:\n    /etc/x:\n      content: aGk=\n      encoding: …\n", [
    ...at(["text", "5", "hex", "[base64]", "Base64"], "encoding must be base64, or left out"),
  ]),
  ...each(
    "content in base64",
    "config:\n  files:\n    /x:\n      encoding: base64\n      content: …\n",
    [
      ...at(["'not base64!'", "'a'", "'====' "], "content must be base64, as encoding says"),
    ],
  ),
  ...each("mode", "config:\n  files:\n    /x:\n      content: a\n      mode: …\n", [
    ...at(
      ["0644", "644", "420", "'644'", "'0888'", "'00644'", "rw", "[7]", "true", "'u+x'"],
      "mode must be four octal digits in quotes",
    ),
  ]),
  ...each("owner", "config:\n  files:\n    /x:\n      content: a\n      owner: …\n", [
    ...at(["0", "Root", "'a b'", "'root:root'", "[root]"], "owner must be an account name"),
  ]),
  ...each("group", "config:\n  files:\n    /x:\n      content: a\n      group: …\n", [
    ...at(["0", "'wheel '", "{}"], "group must be an account name"),
  ]),
  ...each("run", "config:\n  scripts:\n    a:\n      run: …\n", [
    ...at(NOT_TEXT, "config.scripts.a.run must be text"),
    ["''", "config.scripts.a.run must not be empty"],
  ]),
  ...each("when", "config:\n  scripts:\n    a:\n      run: x\n      when: …\n", [
    ...at(["always", "5", "Boot", "[boot]", "''"], "when must be boot or change"),
  ]),
  ...each("url", "private:\n  report:\n    url: …\n", [
    ...at(["5", "[a]"], "private.report.url must be a URL"),
    ...at(
      ["example.org", "ftp://a/", "'http://'", "file:///etc", "javascript:1"],
      "private.report.url must be an http:// or https:// URL",
    ),
    [`http://a/${"x".repeat(8192)}`, "must be at most 8192 characters"],
  ]),
  ...each("everySeconds", "config:\n  check:\n    everySeconds: …\n", [
    ...at(NOT_NUMBER, "config.check.everySeconds must be a number"),
    ["5.5", "must be a whole number"],
    ...at(["4", "0", "-5", "604801", "1e9"], "must be 5 to 604800 seconds"),
  ]),
  ...each("private hostname", "private:\n  hostname: …\n", [["5", "private.hostname must be"]]),
  ...each("config", "config: …\n", at(["5", "text", "true", "[a]"], "must be a mapping")),
  ...each("private", "private: …\n", at(["5", "text", "[a]"], "must be a mapping")),
  ...each("users", "config:\n  users: …\n", at(["5", "ops", "[ops]"], "must be a mapping")),
  ...each("a user", "config:\n  users:\n    ops: …\n", at(["5", "x", "[x]"], "must be a mapping")),
  ...each("files", "config:\n  files: …\n", at(["5", "x", "[x]"], "must be a mapping")),
  ...each("a file", "config:\n  files:\n    /x: …\n", at(["5", "x", "[x]"], "must be a mapping")),
  ...each("scripts", "config:\n  scripts: …\n", at(["5", "x", "[x]"], "must be a mapping")),
  ...each("a script", "config:\n  scripts:\n    a: …\n", at(["x", "[x]"], "must be a mapping")),
  ...each("report", "private:\n  report: …\n", at(["x", "[x]"], "must be a mapping")),
  ...each("check", "config:\n  check: …\n", at(["300", "[x]"], "must be a mapping")),
  ...each("tags", "tags: …\n", at(NOT_LIST, "tags must be a list")),
  ...each(
    "a tag",
    "tags: [ … ]\n",
    at(["5", "null", "Lab", "'a b'", "-x", "''"], "tags.0 must be a tag"),
  ),
  ...each("notes", "notes: …\n", [
    ...at(NOT_TEXT, "notes must be text"),
    ["x".repeat(65537), "notes must be at most 65536 characters"],
  ]),
  ...each("created", "created: …\n", [
    ...at(
      ["5", "yesterday", "2026-11-22", "2026-11-22T20:00:00+01:00"],
      "created must be a UTC time",
    ),
    ["2026-13-22T20:00:00Z", "created must be a UTC time that exists"],
  ]),
  ...each("sshHostKey", "sshHostKey: …\n", [
    ...at(["5", "ssh-ed25519", "[a]"], "sshHostKey must be an SSH public key line"),
    ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==", "sshHostKey must be an ssh-ed25519 public key"],
  ]),
];

const KEYS: Row[] = [
  node("a misspelt key of a node", "⟦hostname: x\n", "unknown key hostname"),
  node(
    "recipient twice in other letters",
    "⟦Recipient: x\n",
    "unknown key Recipient, did you mean recipient?",
  ),
  ...([
    ["tag", "tags"],
    ["note", "notes"],
    ["confg", "config"],
    ["configs", "config"],
    ["privat", "private"],
    ["sshHostkey", "sshHostKey"],
    ["creatd", "created"],
  ] as const).map(([key, near]) =>
    node(`key ${key}`, `⟦${key}: x\n`, `unknown key ${key}, did you mean ${near}?`)
  ),
  ...([
    ["hostnam", "hostname"],
    ["user", "users"],
    ["file", "files"],
    ["script", "scripts"],
    ["reports", "report"],
    ["chek", "check"],
  ] as const).map(([key, near]) =>
    node(`config.${key}`, `config:\n  ⟦${key}: x\n`, `unknown key ${key}, did you mean ${near}?`)
  ),
  ...([
    ["ui", "uid"],
    ["coment", "comment"],
    ["group", "groups"],
    ["shel", "shell"],
    ["sshkeys", "sshKeys"],
  ] as const).map(([key, near]) =>
    node(
      `config.users.ops.${key}`,
      `config:\n  users:\n    ops:\n      ⟦${key}: x\n`,
      `unknown key ${key}, did you mean ${near}?`,
    )
  ),
  ...([
    ["contents", "content"],
    ["mod", "mode"],
    ["encodng", "encoding"],
    ["ownr", "owner"],
    ["groups", "group"],
  ] as const).map(([key, near]) =>
    node(
      `config.files./x.${key}`,
      `config:\n  files:\n    /x:\n      content: a\n      ⟦${key}: x\n`,
      `unknown key ${key}, did you mean ${near}?`,
    )
  ),
  node(
    "scripts.a.whn",
    "config:\n  scripts:\n    a:\n      run: x\n      ⟦whn: boot\n",
    "did you mean when?",
  ),
  node(
    "report.uri",
    "private:\n  report:\n    url: http://a/\n    ⟦uri: http://a/\n",
    "unknown key uri, did you mean url?",
  ),
  node(
    "check.everySecond",
    "config:\n  check:\n    everySeconds: 9\n    ⟦everySecond: 9\n",
    "did you mean everySeconds?",
  ),
  node(
    "a private misspelt key",
    "private:\n  ⟦hostnam: x\n",
    "unknown key hostnam, did you mean hostname?",
  ),
  node("a key like no other", "⟦zzzzzz: 1\n", "unknown key zzzzzz; known are"),
  node("a number as a key", "⟦5: 1\n", "unknown key 5"),
  node("an empty key", "⟦'': 1\n", "unknown key"),
  node("a merge key", "config:\n  ⟦<<: {hostname: a}\n", "unknown key <<"),
  node("__proto__", "config:\n  ⟦__proto__: {hostname: a}\n", "key not allowed"),
  node("constructor", "config:\n  users:\n    ⟦constructor: {}\n", "key not allowed"),
  node("a key with control characters", 'config:\n  ⟦"a\\x1b[31mb": 1\n', "unknown key a?[31mb"),
  node("a very long key", `⟦${"k".repeat(900)}: 1\n`, "unknown key kkk"),
  node(
    "a file without content",
    "config:\n  files:\n    /x:\n      ⟦mode: '0644'\n",
    "content is missing",
  ),
  node(
    "a script without run",
    "config:\n  scripts:\n    a:\n      ⟦when: boot\n",
    "run is missing",
  ),
  node(
    "a report without url",
    "private:\n  report: ⟦{}\n",
    "once merged for n, report.url is missing",
  ),
  node(
    "a key that swallowed its value",
    'private:\n  files:\n    /x: {⟦content"hunter2-hunter2", mode: "0600"}\n',
    "unknown key content…",
  ),
  node(
    "groups without a value",
    "config:\n  users:\n    ops:\n      ⟦groups:\n",
    "config.users.ops.groups is empty: write its value, or null to take away what lower layers say",
  ),
  node("a check without everySeconds", "config:\n  check: ⟦{}\n", "everySeconds is missing"),
  node("a user's name", "config:\n  users:\n    ⟦Big Name: {}\n", "must be an account name"),
  node(
    "a user's name that is a number",
    "config:\n  users:\n    ⟦5: {}\n",
    "must be an account name",
  ),
  node(
    "a file's path",
    "config:\n  files:\n    ⟦etc/x: {content: a}\n",
    "must be an absolute path",
  ),
  node(
    "a file's path with ..",
    "config:\n  files:\n    ⟦/etc/../x: {content: a}\n",
    "must be an absolute path",
  ),
  node(
    "a file below /proc",
    "config:\n  files:\n    ⟦/proc/x: {content: a}\n",
    "must be an absolute path",
  ),
  node(
    "a file below /dev",
    "config:\n  files:\n    ⟦/dev/x: {content: a}\n",
    "must be an absolute path",
  ),
  node("a script's name", "config:\n  scripts:\n    ⟦a/b: {run: x}\n", "must be a script name"),
  node(
    "a script's name with a dot first",
    "config:\n  scripts:\n    ⟦.a: {run: x}\n",
    "must be a script name",
  ),
  node("a key given twice", "tags: []\n⟦tags: []\n", "map keys must be unique"),
  node(
    "a user given twice",
    "config:\n  users:\n    a: {}\n    ⟦a: {}\n",
    "map keys must be unique",
  ),
  node(
    "a file given twice",
    "config:\n  files:\n    /a: {content: x}\n    ⟦/a: {content: y}\n",
    "map keys must be unique",
  ),
  node("recipient given twice", `⟦recipient: ${R}\n`, "map keys must be unique"),
  node("a tag named twice", "tags: ⟦[lab, lab]\n", "tags must not name a tag twice", {
    "tags/lab.yaml": "",
  }),
  node(
    "too many tags",
    `tags: ⟦[${Array.from({ length: 1025 }, (_, i) => `t${i}`).join(", ")}]\n`,
    "must have at most 1024 entries",
  ),
  node(
    "too many users",
    `config:\n  users:\n    ⟦u0: {}\n${
      Array.from({ length: 1024 }, (_, i) => `    u${i + 1}: {}\n`).join("")
    }`,
    "must have at most 1024 entries",
  ),
  global("a recipient of all", `⟦recipient: ${R}\n`, "unknown key recipient"),
  global("tags of all", "⟦tags: [a]\n", "unknown key tags"),
  global("admin", `⟦admin: [${R}]\n`, "unknown key admin, did you mean admins?"),
  global("admins as text", `admins: ⟦${R}\n`, "admins must be a list"),
  global(
    "an admin's recipient with a typing error",
    `admins: [⟦${R.replace("u", "v")}]\n`,
    "checksum is wrong",
  ),
  global("an admin's identity", "admins: [⟦AGE-SECRET-KEY-1ABC]\n", "must be an age recipient"),
  global("an admin twice", `admins: ⟦[${R}, ${R}]\n`, "must not name a recipient twice"),
  global("too many admins", `admins: ⟦[${Array(33).fill(R).join(", ")}]\n`, "admins must "),
  tag("tags of a tag, and so cycles", "⟦tags: [lab]\n", "unknown key tags"),
  tag("a tag that includes itself", "⟦include: lab\n", "unknown key include"),
  tag("admins of a tag", `⟦admins: [${R}]\n`, "unknown key admins"),
  tag("a recipient of a tag", `⟦recipient: ${R}\n`, "unknown key recipient"),
  tag("a list for a tag", "⟦- a\n", "must be a mapping"),
  tag("a text for a tag", "⟦text\n", "must be a mapping"),
  global("a list for all", "⟦[]\n", "must be a mapping"),
  global("a number for all", "⟦5\n", "must be a mapping"),
];

const FLEET: Row[] = [
  ["no recipient", "n.yaml", "⟦notes: x\n", "recipient is missing"],
  ["an empty node", "n.yaml", "⟦", "recipient is missing"],
  ["a node of comments", "n.yaml", "⟦# nothing\n", "recipient is missing"],
  ...([
    ["5", "must be an age recipient"],
    ["[a]", "must be an age recipient"],
    ["age1", "must be an age recipient"],
    [R.slice(0, -1), "must be an age recipient"],
    [`${R}q`, "must be an age recipient"],
    [R.toUpperCase(), "must be an age recipient"],
    [R.replace("u", "v"), "checksum is wrong"],
    [R.replace("u", "b"), "must be an age recipient"],
    [`age1pq1${"q".repeat(1952)}`, "checksum is wrong"],
    [
      "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t",
      "must be an age recipient",
    ],
    ["AGE-SECRET-KEY-1QQQQQQQ", "must be an age recipient"],
    ["ssh-ed25519 AAAA", "must be an age recipient"],
    [`"${R} "`, "must be an age recipient"],
    ["''", "must be an age recipient"],
    ["true", "must be an age recipient"],
  ] as const).map(([value, message]): Row => [
    ...[`recipient: ${value}`.slice(0, 60), "n.yaml", `recipient: ⟦${value}\n`, message] as const,
  ]),
  ["a recipient without a value", "n.yaml", "⟦recipient:\n", "must be an age recipient"],
  node("an unknown tag", "tags: [⟦lap]\n", "unknown tag lap, did you mean lab?", {
    "tags/lab.yaml": "",
  }),
  node("an unknown tag like no other", "tags: [⟦zzz]\n", "unknown tag zzz (a tag is a file"),
  node("the second of two tags", "tags:\n  - lab\n  - ⟦lbb\n", "did you mean lab?", {
    "tags/lab.yaml": "",
  }),
  [
    "the recipient of another node",
    "n.yaml",
    `recipient: ⟦${RECIPIENTS[1]}\n`,
    "recipient is that of node b",
    { "b.yaml": `recipient: ${RECIPIENTS[1]}\n` },
  ],
  node(
    "the SSH key of another node",
    `sshHostKey: ⟦${SSH_KEYS[0]}\n`,
    "sshHostKey is that of node b",
    { "b.yaml": `recipient: ${RECIPIENTS[1]}\nsshHostKey: ${SSH_KEYS[0]}\n` },
  ),
  ["a node's name in capitals", "Node.yaml", `⟦${NODE}`, "not a valid node name"],
  ["a node's name with a blank", "a b.yaml", `⟦${NODE}`, "not a valid node name"],
  ["a node's name with an underscore first", "_a.yaml", `⟦${NODE}`, "not a valid node name"],
  ["a node's name that is too long", `${"a".repeat(64)}.yaml`, `⟦${NODE}`, "not a valid node name"],
  ["a tag's name in capitals", "tags/Lab.yaml", "⟦", "not a valid tag name"],
  ["a tag's name with a blank", "tags/a b.yaml", "⟦", "not a valid tag name"],
  ["a tag's name with a dash first", "tags/-a.yaml", "⟦", "not a valid tag name"],
  [
    "uids that collide once merged",
    "n.yaml",
    `${NODE}config: {users: {eve: ⟦{uid: 1000}}}\n`,
    "users ops and eve both get the uid 1000: pin one",
    { "global.yaml": "config: {users: {ops: {uid: 1000}}}\n" },
  ],
  [
    "a file that would be a directory",
    "n.yaml",
    `${NODE}config: {files: {/a/b: ⟦{content: x}}}\n`,
    "files./a/b: nothing can lie below /a, which is files./a",
    { "global.yaml": "config: {files: {/a: {content: x}}}\n" },
  ],
  [
    "a canary that is no node",
    "os-update.yaml",
    "channels:\n  stable:\n    canaries: [⟦m]\n",
    "unknown node m",
    { "n.yaml": NODE },
  ],
  [
    "an unknown key of updates",
    "os-update.yaml",
    "channels: {}\n⟦channel: {}\n",
    "unknown key channel, did you mean channels?",
  ],
  ["a list for channels", "os-update.yaml", "channels: ⟦[a]\n", "must be a mapping"],
];

const YAML: Row[] = [
  node("a tab as indentation", "config:\n⟦\thostname: x\n", "tabs are not allowed as indentation"),
  node("a second document", "⟦---\ntags: []\n", "must be one document"),
  node("an open quote", "notes: 'abc\n⟦", "not valid YAML"),
  node("an open double quote", 'notes: "abc\n⟦', "not valid YAML"),
  node("an open list", "tags: [a, b\n⟦", "not valid YAML"),
  node("an open mapping", "config: {hostname: x\n⟦", "not valid YAML"),
  node("a bad escape", 'notes: "⟦\\q"\n', "not valid YAML"),
  node("text after a list", "tags: [] ⟦x\n", "not valid YAML"),
  node("a mapping in a line of a mapping", "notes: ⟦a: b\n", "not valid YAML"),
  node("a reserved letter", "notes: ⟦@x\n", "not valid YAML"),
  node("a back-tick", "notes: ⟦`x`\n", "not valid YAML"),
  node("an unknown tag of YAML", "notes: ⟦!vault x\n", "only !age is supported"),
  node("a JavaScript tag", "notes: ⟦!!js/function x\n", "only !age is supported"),
  node("a Python tag", "notes: ⟦!!python/object x\n", "only !age is supported"),
  node("an alias to nothing", "notes: ⟦*nothing\n", "alias"),
  node("too deep an outdent", "config:\n    hostname: x\n⟦  tags: []\n", "not valid YAML"),
];

const AGE: Row[] = [
  node("!age in config", "config:\n  hostname: !age ⟦x\n", "!age values belong below private"),
  node("!age in notes", "notes: !age ⟦x\n", "!age values belong below private"),
  node("!age as a tag", "tags: [!age ⟦x]\n", "!age values belong below private"),
  node("!age on a mapping", "private: ⟦!age {hostname: x}\n", "only !age is supported, on text"),
  node("!age on a list", "private:\n  users: ⟦!age [x]\n", "only !age is supported, on text"),
  node("!age without an identity", "private:\n  hostname: !age ⟦x\n", "there is no age identity"),
  node(
    "!age in a list in config",
    "config:\n  users:\n    a:\n      groups: {a: !age ⟦x}\n",
    "belong below private",
  ),
  global("!age as an admin", "admins: [!age ⟦x]\n", "belong below private"),
  ["!age as recipient", "n.yaml", "recipient: !age ⟦x\n", "!age values belong below private"],
  ["!age as a node", "n.yaml", "!age ⟦x\n", "!age values belong below private"],
  tag(
    "!age in a tag's config",
    "config:\n  files:\n    /x:\n      content: !age ⟦x\n",
    "belong below private",
  ),
  node("other tags beside !age", "private:\n  hostname: ⟦!AGE x\n", "only !age is supported"),
];

export const ROWS: readonly Row[] = [...TYPES, ...KEYS, ...FLEET, ...YAML, ...AGE];
