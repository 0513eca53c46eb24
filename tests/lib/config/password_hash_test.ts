import { assertEquals, assertMatch } from "@std/assert";
import { passwordHashProblem } from "../../../lib/config/password_hash.ts";

const H86 = "h".repeat(86), H43 = "./".repeat(21) + "A";

Deno.test("passwordHashProblem() takes what musl, busybox and glibc all verify", () => {
  for (
    const hash of [
      `$6$salt$${H86}`,
      `$6$rounds=656000$${"s".repeat(16)}$${H86}`,
      `$5$s$${H43}`,
      `$5$rounds=1000$s$${H43}`,
    ]
  ) assertEquals(passwordHashProblem(hash), undefined, hash);
});

Deno.test("passwordHashProblem() refuses other forms, what is cut off, and what would be no password", () => {
  const cases: [string, RegExp][] = [
    ["hunter2", /^must be a hash of SHA-512 crypt/],
    [`$1$salt$${"h".repeat(22)}`, /^must be a hash of SHA-512 crypt/],
    [`$y$j9T$abc$${H43}`, /^must be a hash of SHA-512 crypt/],
    [`$2b$12$${"h".repeat(53)}`, /^must be a hash of SHA-512 crypt/],
    [`!$6$salt$${H86}`, /^must be a hash of SHA-512 crypt/],
    ["*", /^must be a hash/],
    ["$", /^must be a hash/],
    [`$6$salt$${H86}h`, /^must be a whole hash/],
    [`$6$salt$${H43}`, /^must be a whole hash/],
    [`$6$$${H86}`, /^must be a whole hash/],
    [`$6$${"s".repeat(17)}$${H86}`, /^must be a whole hash/],
    [`$6$sa:lt$${H86}`, /^must be a whole hash/],
    [`$6$salt$${H86}$`, /^must be a whole hash/],
    [`$6$rounds=999$salt$${H86}`, /^must have 1000 to 9999999 rounds/],
    [`$6$rounds=99999999$salt$${H86}`, /^must have 1000 to 9999999 rounds/],
  ];
  for (const [hash, rule] of cases) assertMatch(passwordHashProblem(hash) ?? "taken", rule, hash);
});
