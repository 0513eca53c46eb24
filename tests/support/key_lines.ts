/**
 * Lines of `authorized_keys` by grammar, right ones and wrong ones, the same at every run: options, key types, keys and what
 * stands between them, each now and then broken in one way.
 */
import fc from "fast-check";

/** A key of each type that OpenSSH makes, type and blob. */
export interface SampleKey {
  type: string;
  blob: string;
}

const often = <Value>(right: fc.Arbitrary<Value>, wrong: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: wrong });
const oneOf = (...words: string[]) => fc.constantFrom(...words);

const gap = often(fc.constant(" "), oneOf("  ", "\t", " \t", "\t\t", "   "));
const around = often(fc.constant(""), oneOf(" ", "\t", "  "));

const FLAGS =
  "port-forwarding agent-forwarding X11-forwarding touch-required verify-required pty user-rc"
    .split(" ");
const flag = often(
  oneOf(
    "restrict",
    "cert-authority",
    ...FLAGS,
    ...FLAGS.map((one) => `no-${one}`),
    "NO-PTY",
    "Pty",
    "RESTRICT",
  ),
  oneOf(
    "foo",
    "no-restrict",
    "no-cert-authority",
    "no-no-pty",
    "pty=",
    "ptyx",
    "no-",
    "command",
    "from",
    "-",
    "=",
    "_",
  ),
);
const word = fc.string({ unit: oneOf(..."ab1 ,.=/$:-_*[]\\#'é"), maxLength: 12 });
const escaped = fc.array(often(word, oneOf('\\"', "\\\\", "\\", "\t")), { maxLength: 4 })
  .map((parts) => parts.join(""));
const time = fc.oneof(
  fc.tuple(
    fc.integer({ min: 1960, max: 2060 }),
    ...[[0, 13], [0, 32], [0, 24], [0, 60], [0, 62]].map(([min, max]) => fc.integer({ min, max })),
    oneOf("8", "12", "14", "14", "10", "13"),
    oneOf("", "", "Z", "z", "UTC", "utc", "X", " "),
  ).map((parts) => {
    const digits = parts.slice(0, 6).map((one) => String(one).padStart(2, "0")).join("");
    return digits.slice(0, Number(parts[6])) + parts[7];
  }),
  oneOf(
    "19700101Z",
    "19700101000000Z",
    "19700101000001Z",
    "1969123123Z",
    "99991231",
    "",
    "2030-1-01",
  ),
);
const port = oneOf(
  "1",
  "22",
  "65535",
  "65536",
  "0",
  "*",
  "",
  "ssh",
  "-1",
  "+1",
  "08",
  " 22",
  "99999999999",
);
const place = fc.tuple(
  oneOf(
    "h:",
    "localhost:",
    "*:",
    "[::1]:",
    "[::1",
    "::1:",
    ":",
    "",
    "h/",
    "h::",
    "[a]b:",
    "[]:",
    "192.0.2.1:",
  ),
  port,
).map(([host, at]) => host + at);
const network = oneOf(
  ..."192.0.2.7 10.?.* 10.0.0.0/8 192.0.2.128/25 ::1 2001:db8::/32 2001:DB8:* fe80::1%eth0 ::/0 *"
    .split(" "),
  "*.example.org",
);
const noNetwork = oneOf(
  ..."10.0.0.0/33 10.0.0.1/8 192.0.2.129/24 10.0.0.0/129 10.0.0.0/ /8 a/8 2001:db8::1/32 ::/129"
    .split(" "),
  ..."10.0.0.256 10.0 1.2.3.4.5 h:22 [::1] ::1::2".split(" "),
  ...["", " ::1", "::1 "],
);
const client = fc.oneof(
  { weight: 3, arbitrary: network },
  { weight: 1, arbitrary: noNetwork },
);
const clients = fc.array(fc.tuple(often(fc.constant(""), oneOf("!", "!!")), client), {
  minLength: 1,
  maxLength: 4,
}).map((parts) => parts.map((one) => one.join("")).join(","));
const VALUES: [name: string, value: fc.Arbitrary<string>][] = [
  ["command", escaped],
  ["from", fc.oneof(clients, clients, oneOf("*.example.org,!x", "192.0.2.0/24", ""), escaped)],
  ["principals", escaped],
  ["expiry-time", time],
  [
    "environment",
    fc.oneof(oneOf("A=b", "A_1=", "=x", "A-B=c", "A", "1=2", "é=1", "A =b", ""), escaped),
  ],
  ["permitopen", place],
  ["permitlisten", fc.oneof(place, port)],
  [
    "tunnel",
    oneOf("0", "1", "any", "ANY", "2147483645", "2147483646", "-1", "+5", " 5", "x", "", "1:2"),
  ],
];
const valued = fc.oneof(...VALUES.map(([name, value]) =>
  fc.tuple(
    often(fc.constant(name), oneOf(name.toUpperCase(), `no-${name}`, ` ${name}`)),
    often(fc.constant('="'), oneOf("=", '"', "='", '= "', ' ="', '=""')),
    value,
    often(fc.constant('"'), oneOf("", "'", '""', '" ', '\\"', '"x')),
  ).map((parts) => parts.join(""))
));
const separator = often(fc.constant(","), oneOf(", ", ",,", " ,", ";", ""));
const options = fc.array(fc.tuple(fc.oneof(flag, valued), separator), { maxLength: 3 })
  .map((parts) =>
    parts.flatMap(([one, next], i) => i < parts.length - 1 ? [one, next] : [one]).join("")
  );
const ended = fc.tuple(options, often(fc.constant(""), oneOf(",", ", ", '"'))).map((parts) =>
  parts.join("")
);
const comment = fc.oneof(
  oneOf("", "me@here", "a b", "# x", 'say "hi"', "a\tb", "ssh-ed25519 AAAA"),
  word,
);

/** A blob broken in one way. */
function broken(blob: string): fc.Arbitrary<string> {
  const bytes = Uint8Array.from(atob(blob), (letter) => letter.charCodeAt(0));
  const text = (changed: Uint8Array) => btoa(String.fromCharCode(...changed));
  const at = fc.nat(bytes.length - 1);
  return fc.oneof(
    at.map((end) => text(bytes.slice(0, end))),
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([i, by]) =>
      text(bytes.with(i, bytes[i]! ^ by))
    ),
    // Where lengths are.
    fc.tuple(fc.nat(40), fc.nat(255)).map(([i, to]) => text(bytes.with(i, to))),
    fc.constant(text(Uint8Array.of(...bytes, 0))),
    fc.constant(blob.replace(/=+$/, "")),
    fc.constant(`${blob}=`),
    fc.constant(`${blob}!`),
    at.map((i) => `${blob.slice(0, i)}-${blob.slice(i + 1)}`),
    at.map((i) => `${blob.slice(0, i)} ${blob.slice(i)}`),
    oneOf("", "AAAA", "AAAA====", "===="),
  );
}

/** A line, and the type and key that it was made of. */
export interface MadeLine {
  line: string;
  options: string;
  key: SampleKey;
}

/** `count` lines with this key, and with an option that says from where it counts. */
export function clientLines(key: SampleKey, count: number, seed: number): MadeLine[] {
  return fc.sample(clients, { seed, numRuns: count }).map((list) => {
    const options = `from="${list}"`;
    return { line: `${options} ${key.type} ${key.blob}`, options, key };
  });
}

/** `count` lines with these keys. */
export function keyLines(keys: readonly SampleKey[], count: number, seed: number): MadeLine[] {
  const key = fc.constantFrom(...keys);
  const type = (right: string) =>
    often(
      fc.constant(right),
      oneOf(
        "ssh-foo",
        "ssh-ed25519x",
        right.toUpperCase(),
        "rsa-sha2-512",
        "#",
        ...keys.map(({ type }) => type),
      ),
    );
  const made = key.chain((sample) =>
    fc.tuple(
      around,
      fc.oneof(fc.constant(""), ended),
      gap,
      type(sample.type),
      gap,
      often(fc.constant(sample.blob), broken(sample.blob)),
      gap,
      comment,
      around,
    ).map(([lead, opts, first, kind, second, blob, third, note, trail]): MadeLine => ({
      line: [
        lead,
        opts,
        ...opts === "" ? [] : [first],
        kind,
        second,
        blob,
        ...note === "" ? [] : [third, note],
        trail,
      ].join(""),
      options: opts,
      key: sample,
    }))
  );
  return fc.sample(made, { seed, numRuns: count });
}
