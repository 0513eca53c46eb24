/**
 * Words that some version of YAML takes for something else than text, or that it gives a meaning: what our tools write must be
 * read as what it was, whoever reads it.
 */
export const NOT_ONLY_TEXT: readonly string[] = [
  ..."2024 0 -1 +1 007 0644 0o17 0x10 0xff 0b11 1_000 1e3 1E3 12e03 .5 5. 1.5 .inf -.INF .nan"
    .split(" "),
  ..."true True TRUE false yes Yes no NO on On off y n Y N null Null ~ = <<".split(" "),
  ..."2026-11-22 2026-11-22T20:00:00Z 12:30 12:30:45 190:20:30".split(" "),
  ..."- -- --- ... -a - a: a #b *a &a !a !!set %a @a `a |a >a ? ?a [a {a a, 'a \"a ,".split(" "),
  ..."0x 0o8 1e 0b2 e5 e-5 E+05 nan inf toString valueOf constructor 1-2 2024-1 10a a10 0_0".split(
    " ",
  ),
  "",
  " ",
  " a",
  "a ",
  "a: b",
  "a #b",
  "- a",
  "a\nb",
  "a\tb",
  "\ufeffa",
  "a\u2028b",
  "\x85",
  "\x7f",
  "ä",
  "\u{1f600}",
];
