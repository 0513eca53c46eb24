/**
 * Target: passwd, group and shadow, read and changed.
 *
 * @module
 */
import { UserError } from "../../../../lib/errors.ts";
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
} from "../../../../lib/formats/accounts.ts";
import { Accounts } from "../../../../lib/image/root/accounts.ts";
import { textPieces } from "../pieces.ts";
import { subjectOf } from "../samples.ts";
import { type Subject, textOf, WrongAnswer } from "../target.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:2:2:daemon:/sbin:/sbin/nologin
ops:x:1000:1000:Operations:/home/ops:/bin/ash
nobody:x:65534:65534:nobody:/:/sbin/nologin
`;
const GROUP = `root:x:0:root
wheel:x:10:root,ops
audio:x:18:
ops:x:1000:
nogroup:x:65533:
`;
const SHADOW = `root:*::0:::::
daemon:!::0:::::
ops:$6$salt$hash:19700:0:99999:7:::
`;
const EPOCH = 1_700_000_000;
const IDS = { users: { sshd: 22 }, groups: { sshd: 22 } };

/** Files and how they are changed. */
export function subject(): Subject {
  const parts = { passwd: PASSWD, group: GROUP, shadow: SHADOW };
  return subjectOf({
    samples: [{
      parts: Object.fromEntries(
        Object.entries(parts).map(([name, text]) => [name, textPieces(text)]),
      ),
    }],
    read: (input) => {
      const [passwd, group, shadow] = ["passwd", "group", "shadow"].map((name) =>
        textOf(input, name)
      ) as [string, string, string];
      const accounts = parsePasswd(passwd);
      const groups = parseGroup(group);
      const numbers = [
        ...accounts.flatMap(({ uid, gid }) => [uid, gid]),
        ...groups.map((g) => g.gid),
      ];
      const odd = numbers.find((id) => !Number.isSafeInteger(id) || id < 0);
      if (odd !== undefined) {
        throw new WrongAnswer(`it gives what is no number of an account: ${odd}`);
      }
      // An empty field taken for 0 would make root of it.
      const numbered = passwd.split("\n").filter((line) =>
        /^[^:]*:[^:]*:\d+:\d+(?::[^:]*){3}$/.test(line)
      );
      if (accounts.length > numbered.length) {
        throw new WrongAnswer("it takes a line without numbers");
      }
      parseShadow(shadow);
      freeId(numbers, 1000);
      const added = withAccount(passwd, {
        name: "new",
        uid: 1001,
        gid: 1001,
        comment: "",
        home: "/home/new",
        shell: "/bin/sh",
      });
      if (!parsePasswd(added).some(({ name }) => name === "new")) {
        throw new WrongAnswer("an added account is not there");
      }
      const grouped = withGroup(group, { name: "new", gid: 1001, members: ["ops"] });
      if (parseGroup(withoutGroup(grouped, "new")).some(({ name }) => name === "new")) {
        throw new WrongAnswer("a group that was removed is there");
      }
      const locked = withPassword(shadow, "ops", "!");
      if (parseShadow(locked).get("ops") !== "!") throw new WrongAnswer("ops is not locked");
      withoutOpenPasswords(shadow, "*");
      return image({ passwd, group, shadow });
    },
  });
}

/** What an image's build does with them. */
function image(files: { passwd: string; group: string; shadow: string }) {
  const accounts = new Accounts(files, IDS, EPOCH);
  accounts.apply({ do: "group", name: "sshd" }, "openssh");
  accounts.apply({ do: "member", user: "ops", group: "audio" }, "openssh");
  accounts.lock();
  const locked = accounts.files();
  for (const row of locked.shadow.split("\n")) {
    if (/^[^:]+::/.test(row)) throw new WrongAnswer("an account has no password and is open");
  }
  if (!(locked.passwd.length > 0)) throw new UserError("lock the accounts", "there are none");
  return locked;
}
