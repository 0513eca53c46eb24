import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../../../lib/errors.ts";
import { accountSteps } from "../../../../lib/image/root/account_steps.ts";
import { Accounts } from "../../../../lib/image/root/accounts.ts";

const FILES = {
  passwd: "root:x:0:0:root:/root:/bin/sh\n",
  group: "root:x:0:root\nusers:x:100:games\n",
  shadow: "root:::0:::::\n",
};
const IDS = { users: { chrony: 100 }, groups: { chrony: 101 } };
const DAY_10 = 10 * 86400;

/** As chrony's of Alpine. */
const CHRONY = `#!/bin/sh

addgroup -S chrony 2>/dev/null
adduser -S -D -H -h /var/log/chrony -s /sbin/nologin -G chrony -g chrony chrony 2>/dev/null

exit 0
`;

Deno.test("accountSteps() understands what packages' pre-install scripts say", () => {
  assertEquals(accountSteps(CHRONY), [
    { do: "group", name: "chrony", gid: undefined },
    {
      do: "user",
      name: "chrony",
      uid: undefined,
      home: "/var/log/chrony",
      makeHome: false,
      shell: "/sbin/nologin",
      group: "chrony",
      comment: "chrony",
      system: true,
    },
  ]);
});

Deno.test("accountSteps() puts variables in, joins lines, reads joined options", () => {
  const steps = accountSteps(
    'user=ntp\ngroup="ntp"\naddgroup -S -g123 $group || true\n' +
      'adduser -SDH -u 123 -h "/var/${user}" \\\n  -G $group $user &>/dev/null\naddgroup ntp wheel\n',
  );
  assertEquals(steps?.map((step) => step.do), ["group", "user", "member"]);
  assertEquals(steps?.[0], { do: "group", name: "ntp", gid: 123 });
  assertEquals(steps?.[1]?.do === "user" && [steps[1].uid, steps[1].home], [123, "/var/ntp"]);
});

Deno.test("accountSteps() gives up on anything else", () => {
  const others = [
    "rm -rf /",
    "adduser bob",
    "adduser -S bob",
    "addgroup -S $unset",
    "addgroup -S `id`",
    "addgroup -S a; rm b",
    "addgroup -S a && true",
    "if true; then addgroup -S a; fi",
    "x=$(id)",
    "addgroup -X a",
    "addgroup -g abc a",
    "adduser -S -D a b c",
    "addgroup -S 'A b'",
    "addgroup -S a > /etc/passwd",
    "x".repeat(20_000),
  ];
  for (const line of others) assertEquals(accountSteps(line), undefined, line.slice(0, 40));
});

Deno.test("Accounts.apply() writes the lines that addgroup and adduser would", () => {
  const accounts = new Accounts(FILES, IDS, DAY_10);
  for (const step of accountSteps(CHRONY)!) accounts.apply(step, "chrony");
  assertEquals(accounts.files(), {
    passwd: FILES.passwd + "chrony:x:100:101:chrony:/var/log/chrony:/sbin/nologin\n",
    group: FILES.group + "chrony:x:101:chrony\n",
    shadow: FILES.shadow + "chrony:!:10:0:99999:7:::\n",
  });
});

Deno.test("Accounts.apply() leaves what exists, and tells the home that would be made", () => {
  const accounts = new Accounts(FILES, IDS, DAY_10);
  const steps = accountSteps("addgroup -S chrony\nadduser -S -D -h /var/lib/c -G chrony chrony\n")!;
  assertEquals(steps.map((step) => accounts.apply(step, "chrony")), [
    undefined,
    { path: "var/lib/c", user: "chrony", group: "chrony" },
  ]);
  const before = accounts.files();
  assertEquals(steps.map((step) => accounts.apply(step, "chrony")), [undefined, undefined]);
  assertEquals(accounts.files(), before);
});

Deno.test("Accounts.apply() refuses an account without a fixed number and names a free one", () => {
  const accounts = new Accounts(FILES, IDS, DAY_10);
  const error = assertThrows(
    () => accounts.apply({ do: "group", name: "dbus" }, "dbus"),
    UserError,
    "Cannot make group dbus of dbus: its number is not fixed",
  );
  assertEquals(error.hint, 'add "dbus: 102" to accounts.groups in overlay/image.yaml');
});

Deno.test("Accounts.apply() refuses a user whose group is missing", () => {
  const accounts = new Accounts(FILES, IDS, DAY_10);
  const [step] = accountSteps("adduser -S -D -G chrony chrony")!;
  assertThrows(() => accounts.apply(step!, "chrony"), UserError, "there is no group chrony");
});

Deno.test("Accounts refuses a table that disagrees with the packages' own files", () => {
  assertThrows(
    () => new Accounts(FILES, { users: {}, groups: { users: 101 } }, 0),
    UserError,
    "the packages give it the number 100",
  );
  assertThrows(
    () => new Accounts(FILES, { users: {}, groups: { games: 100 } }, 0),
    UserError,
    "100 is users's number",
  );
});

Deno.test("Accounts.lock() closes root and every empty password", () => {
  const accounts = new Accounts(
    { passwd: "root::0:0::/:/bin/sh\n", group: "", shadow: "root:$6$x:1::::::\ndemo::1::::::\n" },
    { users: {}, groups: {} },
    0,
  );
  accounts.lock();
  assertEquals(accounts.files().shadow, "root:*:1::::::\ndemo:*:1::::::\n");
  assertEquals(accounts.files().passwd, "root:x:0:0::/:/bin/sh\n");
});
