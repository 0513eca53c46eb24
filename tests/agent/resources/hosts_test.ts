import { assertEquals } from "@std/assert";
import { hosts } from "../../../agent/resources/hosts.ts";
import { FakeHost } from "../../support/fake_host.ts";
import { askQuestions } from "./questions.ts";
import { ROOT_FILES } from "./root_files.ts";

const OWN = "127.0.0.1\tlocalhost localhost.localdomain\n" +
  "::1\tlocalhost localhost.localdomain\n127.0.1.1\t";
const NAS = { "10.0.0.5": ["nas.example.net", "nas"], "fd00::5": ["nas6"] };

askQuestions("hosts", {
  resource: hosts,
  host: () => new FakeHost(ROOT_FILES),
  cases: [
    {
      title: "holds localhost and the node's own name",
      config: { hostname: "nas1.example.net" },
      steps: ["write /etc/hosts"],
      check: (host) => assertEquals(host.textOf("/etc/hosts"), `${OWN}nas1.example.net nas1\n`),
    },
    {
      title: "adds names in the order of their addresses",
      config: { hosts: NAS },
      steps: ["write /etc/hosts"],
      check: (host) =>
        assertEquals(
          host.textOf("/etc/hosts"),
          `${OWN}alpha\n10.0.0.5\tnas.example.net nas\nfd00::5\tnas6\n`,
        ),
    },
    {
      title: "loses names that are no longer listed",
      before: { hosts: NAS },
      config: { hosts: { "fd00::5": ["nas6"] } },
      steps: ["write /etc/hosts"],
    },
    {
      title: "is left alone when it is right",
      before: { hosts: NAS },
      config: { hosts: NAS },
      steps: [],
    },
  ],
});
