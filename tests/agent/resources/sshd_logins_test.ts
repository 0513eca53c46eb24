import { assertEquals } from "@std/assert";
import { isLetIn } from "../../../agent/resources/sshd_logins.ts";

const ANN = { name: "ann.b", uid: 1000, groups: ["ann.b", "wheel"] };
const ROOT = { name: "root", uid: 0, groups: ["root"] };

Deno.test("isLetIn() says who may log in by what sshd tells", () => {
  const cases: [told: string[], ann: boolean, root: boolean][] = [
    [[], true, true],
    [["pubkeyauthentication no"], false, false],
    [["permitrootlogin no"], true, false],
    [["permitrootlogin forced-commands-only"], true, false],
    [["permitrootlogin without-password"], true, true],
    [["authenticationmethods any"], true, true],
    [["authenticationmethods publickey,password"], false, false],
    [["authenticationmethods publickey,password publickey"], true, true],
    [["authorizedkeysfile .ssh/authorized_keys"], false, false],
    [["authorizedkeysfile .ssh/keys /etc/ssh/authorized_keys.d/%u"], true, true],
    [["allowusers ann.b"], true, false],
    [["allowusers annxb"], false, false],
    [["allowusers root", "allowusers ann.*"], true, true],
    [["allowusers *@10.0.0.0/8"], true, true],
    [["allowusers * !root"], true, false],
    [["denyusers ann.?"], false, true],
    [["denyusers *@10.0.0.0/8"], true, true],
    [["allowgroups wheel"], true, false],
    [["denygroups wheel"], false, true],
  ];
  for (const [told, ann, root] of cases) {
    assertEquals([isLetIn(told, ANN), isLetIn(told, ROOT)], [ann, root], told.join("; "));
  }
});
