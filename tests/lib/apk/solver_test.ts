import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { IndexRecord } from "../../../lib/apk/index.ts";
import { type RepositoryIndex, solve, UnsolvableError } from "../../../lib/apk/solver.ts";
import { UserError } from "../../../lib/errors.ts";
import { record } from "./apk_fixtures.ts";

/**
 * Packages, one a line: `name-version`, then `D:` dependencies, `p:` provides, `i:` install_if and `k:` priority,
 * separated by commas.
 */
function packages(lines: string): IndexRecord[] {
  return lines.trim().split("\n").map((line) => {
    const [id, ...fields] = line.trim().split(/ (?=[Dpik]:)/);
    const list = (letter: string) =>
      fields.filter((field) => field.startsWith(`${letter}:`))
        .flatMap((field) => field.slice(2).split(" "));
    return record(id!, {
      depends: list("D"),
      provides: list("p"),
      installIf: list("i"),
      providerPriority: Number(list("k")[0] ?? 0),
    });
  });
}

function repository(lines: string, name = "main"): RepositoryIndex {
  return { name, records: packages(lines) };
}

/** Names and versions in order of installation. */
function solved(world: string, ...repositories: (string | RepositoryIndex)[]): string {
  const indexes = repositories.map((one) => typeof one === "string" ? repository(one) : one);
  return solve(world.split(" "), indexes, { arch: "x86_64" })
    .map(({ name, version }) => `${name}-${version}`).join(" ");
}

function unsolved(world: string, lines: string): string[] {
  const error = assertThrows(() => solved(world, lines), UnsolvableError);
  assertEquals(error.hint, error.explanation.join("\n  "));
  assertStringIncludes(error.message, "Cannot select packages: ");
  return [...error.explanation];
}

Deno.test("solve() takes the newest version and installs dependencies first", () => {
  const lines = `
    app-1 D:lib
    app-2 D:lib
    lib-1.10
    lib-1.9`;
  assertEquals(solved("app", lines), "lib-1.10 app-2");
  assertEquals(solved("app<2 lib~1.9", lines), "lib-1.9 app-1");
});

Deno.test("solve() does not mind the order of the world or of the index", () => {
  const lines = ["a-1 D:c", "b-1 D:c", "c-1 D:d", "d-1"];
  for (const order of [lines, [...lines].reverse()]) {
    assertEquals(solved("b a", order.join("\n")), "d-1 c-1 a-1 b-1");
    assertEquals(solved("a b", order.join("\n")), "d-1 c-1 a-1 b-1");
  }
});

Deno.test("solve() cuts dependency cycles where they close", () => {
  assertEquals(solved("aaa", "aaa-1 D:bbb\nbbb-1 D:aaa"), "bbb-1 aaa-1");
});

Deno.test("solve() foresees that a version's dependencies can't be met", () => {
  const lines = `
    a-1 D:b c
    a-2 D:b c d>1.5
    b-1 D:c d<2.0
    c-1 D:d>1.0
    d-1.0
    d-1.5
    d-2.0`;
  assertEquals(solved("a", lines), "d-1.5 c-1 b-1 a-1");
  assertEquals(solved("c", lines), "d-2.0 c-1");
});

Deno.test("solve() finds providers of shared libraries and commands", () => {
  const lines = `
    libfoo-1 p:so:foo.so.1=1.0
    libfoo-2 p:so:foo.so.2=2.0
    old-1 D:so:foo.so.1
    tool-1 D:cmd:frob
    frobnicate-3 p:cmd:frob=3`;
  assertEquals(solved("old tool", lines), "libfoo-1 old-1 frobnicate-3 tool-1");
});

Deno.test("solve() takes an unversioned provider unasked only for its priority", () => {
  const lines = `
    box-1 p:/bin/sh k:60
    dash-1 p:/bin/sh
    zsh-1 p:/bin/sh k:10
    script-1 D:/bin/sh`;
  assertEquals(solved("script", lines), "box-1 script-1");
  assertEquals(solved("script dash", lines), "dash-1 script-1");
  assertEquals(solved("script zsh dash", lines), "dash-1 script-1 zsh-1");
});

Deno.test("solve() ranks versions only between versioned provides, else by priority", () => {
  assertEquals(solved("db", "old-9 p:db=9\nnew-16 p:db=16"), "new-16");
  assertEquals(solved("db", "stale-9 p:db=9\npg16-16 p:db k:16\npg15-15 p:db k:15"), "pg16-16");
  assertEquals(solved("audio", "audio-1 k:10\npipe-5 p:audio=1 k:1"), "audio-1");
  assertEquals(solved("audio", "audio-1 k:10\npipe-5 p:audio=2"), "pipe-5");
});

Deno.test("solve() lets an earlier repository win between equals, a newer version always", () => {
  const main = repository("a-1 D:x\nb-1 D:x\nx-1", "main");
  const other: RepositoryIndex = {
    name: "community",
    records: packages("a-1\nb-2").map((one) => ({
      ...one,
      checksum: one.checksum.replace(/./g, "Q"),
    })),
  };
  const chosen = solve(["a", "b"], [main, other]);
  assertEquals(chosen.map((one) => [one.name, one.version, main.records.includes(one)]), [
    ["x", "1", true],
    ["a", "1", true],
    ["b", "2", false],
  ]);
});

Deno.test("solve() adds packages whose install_if holds, right after what completes them", () => {
  const lines = `
    openrc-1
    ssh-2 D:musl
    musl-1
    ssh-openrc-2 D:ssh-extra i:openrc ssh=2
    ssh-openrc-1 i:openrc ssh=1
    ssh-extra-1
    ssh-doc-2 i:docs ssh=2`;
  assertEquals(solved("ssh", lines), "musl-1 ssh-2");
  assertEquals(
    solved("ssh openrc zz", `${lines}\nzz-1`),
    "openrc-1 musl-1 ssh-2 ssh-extra-1 ssh-openrc-2 zz-1",
  );
});

Deno.test("solve() adds nothing by install_if that would conflict", () => {
  const lines = `
    a-1 D:!a-extra
    b-1
    a-extra-1 i:a b
    b-extra-1 D:missing i:a b`;
  assertEquals(solved("a b", lines), "a-1 b-1");
});

Deno.test("solve() judges negated conditions when all else is known", () => {
  const lines = `
    bar-1 D:qux
    baz-1
    foo-1 i:bar=1 !baz !nothing
    qux-1
    late-1 D:baz i:qux`;
  const without = lines.replace(/late.*/, "zz-1");
  assertEquals(solved("bar baz", without), "qux-1 bar-1 baz-1");
  assertEquals(solved("bar", lines), "qux-1 baz-1 late-1 bar-1");
  assertEquals(solved("bar", without), "qux-1 bar-1 foo-1");
});

Deno.test("solve() prefers a package that came by install_if for a name still open", () => {
  const lines = `
    desk-1 D:polkit
    desk-openrc-1 D:polkit-elogind i:desk=1 openrc
    openrc-1
    polkit-1
    polkit-elogind-1 p:polkit=1`;
  assertEquals(solved("desk openrc", lines), "polkit-elogind-1 desk-1 openrc-1 desk-openrc-1");
});

Deno.test("solve() respects conflicts of the world and of packages", () => {
  const lines = `
    mail-1 D:mta
    exim-1 p:mta k:20
    postfix-1 p:mta k:10
    strict-1 D:!exim`;
  assertEquals(solved("mail", lines), "exim-1 mail-1");
  assertEquals(solved("mail !exim", lines), "postfix-1 mail-1");
  assertEquals(solved("mail strict", lines), "postfix-1 mail-1 strict-1");
  assertEquals(solved("self", "self-1 D:!thing p:thing"), "self-1");
});

Deno.test("solve() takes packages for any architecture as for this one, and no others", () => {
  const arm = { ...record("a-2"), arch: "aarch64" };
  const any = { ...record("a-1"), arch: "noarch" };
  const chosen = solve(["a"], [{ name: "main", records: [arm, any] }], { arch: "x86_64" });
  assertEquals(chosen, [any]);
});

Deno.test("solve() refuses tags and malformed requests", () => {
  assertThrows(() => solved("a@edge", "a-1"), UserError, "repository tags are not supported");
  assertThrows(() => solved("a==1", "a-1"), UserError, 'Cannot read the dependency "a==1"');
});

Deno.test("solve() explains a missing package, suggests a name and goes on to the next", () => {
  assertEquals(unsolved("opensh app", "openssh-9\napp-1 D:lib\nlob-1"), [
    "app: no candidate is left, required by the request (app)",
    "  app-1: needs lib, no such package",
    "opensh: no such package (did you mean openssh?), required by the request (opensh)",
  ]);
});

Deno.test("solve() explains every candidate that is out of question", () => {
  const lines = `
    a-3 D:b c d>1.5
    b-1 D:d<2.0
    c-1 D:d>1.0
    d-1.0
    d-1.5
    d-2.0`;
  assertEquals(unsolved("a", lines), [
    "b: no candidate is left, required by a-3 (b)",
    "  b-1: needs d<2.0, which no candidate left provides",
    "    d-1.0: breaks a-3 (d>1.5); breaks c-1 (d>1.0)",
    "    d-1.5: breaks a-3 (d>1.5)",
    "    d-2.0: is not d<2.0; is chosen for a-3 (d>1.5), c-1 (d>1.0)",
  ]);
  assertEquals(unsolved("b d>1.5 !d=2.0", lines), [
    "b: no candidate is left, required by the request (b)",
    "  b-1: needs d<2.0, which no candidate left provides",
    "    d-1.0: breaks the request (d>1.5)",
    "    d-1.5: breaks the request (d>1.5)",
    "    d-2.0: is not d<2.0; the request does not allow it (!d=2.0)",
    "d: no candidate is left, required by the request (d>1.5)",
    "  d-1.0: breaks the request (d>1.5)",
    "  d-1.5: breaks the request (d>1.5)",
    "  d-2.0: the request does not allow it (!d=2.0)",
  ]);
});

Deno.test("solve() explains a choice that it leaves to the user", () => {
  assertEquals(unsolved("script", "script-1 D:/bin/sh\nbox-1 p:/bin/sh\ndash-1 p:/bin/sh"), [
    "/bin/sh: nothing provides it unasked, name the package that you want, " +
    "required by script-1 (/bin/sh)",
    "  box-1 (provides /bin/sh): must be asked for by name",
    "  dash-1 (provides /bin/sh): must be asked for by name",
  ]);
});

Deno.test("solve() explains rivals for one name", () => {
  const [first, ...rest] = unsolved("one two", "one-1 p:port=1\ntwo-1 p:port=2");
  assertEquals(first, "two: no candidate is left, required by the request (two)");
  assertEquals(rest, ["  two-1: conflicts with one-1, which has the name port"]);
});

Deno.test("solve() explains packages that can't be installed by anyone", () => {
  const broken: [IndexRecord, string][] = [
    [{ ...record("a-1"), arch: "armv7" }, "it is for armv7"],
    [{ ...record("a-1"), uninstallable: "of an unknown field" }, "of an unknown field"],
    [record("a-1", { depends: ["b=="] }), 'Cannot read the dependency "b=="'],
    [record("a-1", { depends: ["b@edge"] }), "it names the repository tag @edge"],
    [record("a-1", { provides: ["x=1", "x=2"] }), "it provides x twice"],
    [record("a-1", { provides: ["a"] }), "it provides a twice"],
  ];
  for (const [one, reason] of broken) {
    const error = assertThrows(
      () => solve(["a"], [{ name: "main", records: [one] }], { arch: "x86_64" }),
      UnsolvableError,
    );
    assertStringIncludes(error.explanation[1]!, `  a-1: ${reason}`);
  }
});

Deno.test("solve() follows long chains without running out of stack", () => {
  const length = 3000;
  const lines = Array.from({ length }, (_, i) => `p${i}-1 D:p${i + 1}`);
  const chosen = solve(["p0"], [repository([...lines, `p${length}-1`].join("\n"))]);
  assertEquals(chosen.length, length + 1);
  assertEquals(chosen[0]!.name, `p${length}`);
});
