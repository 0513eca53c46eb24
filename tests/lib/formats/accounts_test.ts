import { assertEquals, assertThrows } from "@std/assert";
import { UserError } from "../../../lib/errors.ts";
import {
  freeId,
  parseGroup,
  parsePasswd,
  parseShadow,
  withAccount,
  withGroup,
  withoutGroup,
  withoutOpenPasswords,
  withPassword,
} from "../../../lib/formats/accounts.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nnot a line\nann:x:1000:1000::/home/ann:/bin/sh\n";
const ANN = { name: "ann", uid: 1000, gid: 1000, comment: "", home: "/home/ann", shell: "/bin/sh" };

Deno.test("withAccount() adds, changes and keeps lines it does not understand", () => {
  assertEquals(withAccount(PASSWD, ANN), PASSWD);
  assertEquals(parsePasswd(PASSWD).map(({ name }) => name), ["root", "ann"]);
  const bob = { ...ANN, name: "bob", uid: 1001, comment: "B" };
  assertEquals(withAccount(PASSWD, bob), `${PASSWD}bob:x:1001:1000:B:/home/ann:/bin/sh\n`);
  const changed = withAccount(PASSWD, { ...ANN, shell: "/bin/ash" });
  assertEquals(changed, PASSWD.replace("/home/ann:/bin/sh", "/home/ann:/bin/ash"));
});

Deno.test("withGroup() sets members", () => {
  const text = "root:x:0:root\nwheel:x:10:\n";
  const wheel = { name: "wheel", gid: 10, members: ["ann", "bob"] };
  assertEquals(withGroup(text, wheel), "root:x:0:root\nwheel:x:10:ann,bob\n");
  assertEquals(parseGroup(withGroup(text, wheel))[1], wheel);
});

Deno.test("withoutGroup() removes one group, and none whose name begins alike", () => {
  const text = "root:x:0:root\nann:x:5:\nanna:x:6:\n# ann:\n";
  assertEquals(withoutGroup(text, "ann"), "root:x:0:root\nanna:x:6:\n# ann:\n");
});

Deno.test("withPassword() keeps the other fields and adds a line that has all of them", () => {
  assertEquals(withPassword("ann:!:1:2:3:4:::\n", "ann", "*"), "ann:*:1:2:3:4:::\n");
  const added = withPassword("", "ann", "*");
  assertEquals(parseShadow(added), new Map([["ann", "*"]]));
  assertEquals(added.split(":").length, 9);
});

Deno.test("parseShadow() and withPassword() mean the same of several lines for one name: the first, as the C library", () => {
  const twice = "ann:$6$a$b:1:2:3:4:::\nbob:*:1:2:3:4:::\nann:!:1:2:3:4:::\n";
  assertEquals(parseShadow(twice).get("ann"), "$6$a$b");
  assertEquals(parseShadow(withPassword(twice, "ann", "!")).get("ann"), "!");
});

Deno.test("withoutOpenPasswords() closes every empty password, on odd lines too", () => {
  const text = "root::0:0::/:/bin/sh\nann:x:1:1::/:/bin/sh\nodd:\n::1\nword\n\n";
  assertEquals(
    withoutOpenPasswords(text, "*"),
    "root:*:0:0::/:/bin/sh\nann:x:1:1::/:/bin/sh\nodd:*\n:*:1\nword\n\n",
  );
});

Deno.test("freeId() gives the lowest number that is not taken", () => {
  assertEquals(freeId([1000, 1002, 5], 1000), 1001);
  assertEquals(freeId([], 1000), 1000);
});

Deno.test("parsePasswd() and parseGroup() pass over lines whose numbers are none, as the C library does", () => {
  const odd = ["", "-1", "1e3", "0x10", " 7", "4294967296", "99999999999", "NaN"];
  const text = odd.map((id) => `u:x:${id}:1::/:/bin/sh\nv:x:1:${id}::/:/bin/sh\n`).join("");
  assertEquals(parsePasswd(text + PASSWD).map(({ name }) => name), ["root", "ann"]);
  const groups = odd.map((id) => `g:x:${id}:\n`).join("");
  assertEquals(parseGroup(`${groups}max:x:4294967295:`), [
    { name: "max", gid: 4294967295, members: [] },
  ]);
});

Deno.test("withAccount() and withGroup() refuse fields that would end a field or a line", () => {
  for (const odd of ["/bin/sh:", "/bin/sh\nroot2:x:0:0::/:/bin/sh", "\0"]) {
    for (const field of ["name", "comment", "home", "shell"]) {
      assertThrows(() => withAccount(PASSWD, { ...ANN, [field]: odd }), UserError, "a colon or a");
    }
    const group = { name: "g", gid: 1, members: ["ann", odd] };
    assertThrows(() => withGroup("", group), UserError, "a colon or a line break");
  }
});
