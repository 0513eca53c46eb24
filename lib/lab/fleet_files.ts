/**
 * The lab's fleet as its administrator would write it: what all its nodes share, and what each adds. Every kind of thing
 * that a node can be told is in it, so that a verdict says something. Pure.
 *
 * @module
 */

import { KEY_NAMES, type KeyName, KEYS } from "../config/mod.ts";

/** The tag that all lab nodes bear. */
export const LAB_TAG = "lab";
/** The account that people log in with. */
export const LAB_USER = "lab";

/** What {@linkcode labFleetFiles} needs. */
export interface LabFleetOptions {
  /** Public line of the key that may log in as {@linkcode LAB_USER}. */
  sshPublicKey: string;
  /** Pause between two looks at the site, in seconds. */
  everySeconds: number;
}

/** `global.yaml` and `tags/lab.yaml`, by path below the nodes folder. */
export function labFleetFiles(options: LabFleetOptions): Map<string, string> {
  return new Map([
    ["global.yaml", GLOBAL(options.everySeconds)],
    [`tags/${LAB_TAG}.yaml`, TAG(options.sshPublicKey)],
  ]);
}

/** The host name of a lab node. */
export function labHostname(name: string): string {
  return `${name}.lab.example`;
}

/** What is added to the file of a node: its full name, where it reports, and a secret of its own. */
export function labNodeExtras(name: string, guestUrl: string): string {
  return `config:
  hostname: ${labHostname(name)}
private:
  report:
    url: ${JSON.stringify(`${guestUrl}status/${name}`)}
  files:
    /etc/psyopsos-lab/secret:
      content: ${JSON.stringify(`only ${name} can read this on the site\n`)}
      mode: "0600"
`;
}

const GLOBAL = (everySeconds: number) =>
  `notes: Shared by every node of the lab.
config:
  check:
    everySeconds: ${everySeconds}
  files:
    /etc/motd:
      content: "This node runs in RAM and was configured by its signed site.\\n"
`;

/** Keys that the lab says something of its own about; of the others it says what their examples say. */
const OWN: readonly KeyName[] = [
  ...["hostname", "network", "dns", "ntp", "storage"] as const,
  ...["users", "files", "scripts", "report", "check"] as const,
];
const EXAMPLES = KEY_NAMES.filter((name) => !OWN.includes(name))
  .map((name) => KEYS[name].example.replaceAll(/^(?=.)/gm, "  ")).join("");

const TAG = (sshPublicKey: string) =>
  `notes: One of each thing that a node can be told.
config:
${EXAMPLES}  network:
    trialSeconds: 30
    interfaces:
      eth0: {match: {name: eth0}}
  dns: {options: ["timeout:2"]}
  ntp: {useDhcp: false}
  storage:
    mounts:
      /srv/psyopsos-lab: {bind: /var/cache/psyopsos-lab}
    swap:
      zram: {percent: 25}
  users:
    ${LAB_USER}:
      uid: 1000
      comment: Lab user
      groups: {wheel: true}
      shell: /bin/sh
      sshKeys:
        lab: ${JSON.stringify(sshPublicKey)}
  files:
    /etc/psyopsos-lab/public:
      content: "everybody can read this on the site\\n"
      owner: ${LAB_USER}
      group: wheel
      mode: "0640"
    /etc/psyopsos-lab/node:
      content: "{{name}} {{tags}} {{address.eth0}}\\n"
      template: true
      validate: grep -q '^[a-z0-9.-]* ${LAB_TAG} 10\\.' %s
  scripts:
    hello:
      run: |
        #!/bin/sh
        echo "hello from $(hostname)"
        # What it prints stays on the node: its exit code tells whether it ran where it should.
        test "$(hostname)" = ${labHostname("$PSYOPSOS_NODE")}
`;
