import { assertEquals } from "@std/assert";
import { hostname } from "../../../agent/resources/hostname.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { HostnameFake } from "./hostname_fake.ts";
import { askQuestions } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

function host(): FakeHost {
  const host = new FakeHost(ROOT_FILES);
  new HostnameFake(host);
  return host;
}

askQuestions("hostname", {
  resource: hostname,
  host,
  cases: [
    {
      title: "is the node's name where nothing is said",
      config: {},
      steps: ["set the host name", "write /etc/hostname"],
      check: (host) => assertEquals(host.textOf("/etc/hostname"), "alpha\n"),
    },
    {
      title: "follows the configuration",
      before: {},
      config: { hostname: "other.test" },
      steps: ["set the host name", "write /etc/hostname"],
    },
    {
      title: "leaves /etc/hostname to the configuration's files",
      config: { files: { "/etc/hostname": { content: "mine\n" } } },
      steps: ["set the host name"],
    },
  ],
});
