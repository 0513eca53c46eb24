/**
 * Where the agent finds and keeps things on a node. Everything it keeps itself is in RAM, except the record and the last
 * good documents on the identity drive.
 *
 * @module
 */

/** Root-only: identity drive, status, script records. A name in it is out of reach for every other account. */
export const RUN_DIR = "/run/psyopsos";
/** Where the identity drive is mounted. */
export const IDENTITY_DIR = `${RUN_DIR}/identity`;
/** Where the agent keeps on it what it must know at the next boot. */
export const STATE_DIR = `${IDENTITY_DIR}/state`;
/** What the node tells about itself. */
export const STATUS_FILE = `${RUN_DIR}/status.json`;
/** What the agent set the system's clock to in this boot. */
export const CLOCK_FILE = `${RUN_DIR}/clock.json`;
/** Locked by the agent whose turn it is. */
export const LOCK_FILE = `${RUN_DIR}/agent.lock`;
/** Text, output and outcome of the scripts of this boot. */
export const SCRIPTS_DIR = `${RUN_DIR}/scripts`;
/** Accounts that the agent has made or changed in this boot. */
export const MANAGED_FILE = `${RUN_DIR}/managed.json`;
/** What the agent has made in this boot for files, directories and links, and what was there before. */
export const MADE_DIR = `${RUN_DIR}/made`;
/** Copies of files that a program looks at before they take their place. */
export const VALIDATE_DIR = `${RUN_DIR}/validate`;
/** Groups that the agent has made in this boot. */
export const MADE_GROUPS_FILE = `${RUN_DIR}/groups.json`;

/** Where programs of the configuration's find others. */
export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** What the SSH server was started with in this boot, or has read since. */
export const SSHD_RECORD_FILE = `${RUN_DIR}/sshd.json`;
/** Where settings of the SSH server are judged. */
export const SSHD_CANDIDATE_DIR = `${RUN_DIR}/sshd`;
/** What the agent has changed of the kernel in this boot, and how it was before. */
export const KERNEL_FILE = `${RUN_DIR}/kernel.json`;
/** What the start of the system has changed of it, by the settings that the identity drive keeps; "PATH VALUE" a line. */
export const KERNEL_BEFORE = `${RUN_DIR}/kernel-before`;
/** Those settings, as they were taken from the drive at the start. */
export const KERNEL_KEPT = `${RUN_DIR}/kernel-kept`;
/** Modules that were loaded before the drive was found, one a line. */
export const EARLY_MODULES = `${RUN_DIR}/early-modules`;
/** What the agent has mounted and swaps to in this boot. */
export const STORAGE_FILE = `${RUN_DIR}/storage.json`;
/** What came of mounts over the network, and {@linkcode VOLUME_KEY_FILE}. */
export const STORAGE_DIR = `${RUN_DIR}/storage`;
/** The new key of a volume, while a program reads it. */
export const VOLUME_KEY_FILE = `${STORAGE_DIR}/key`;
/** The table of the firewall that was loaded last in this boot. */
export const FIREWALL_FILE = `${RUN_DIR}/firewall.json`;
/** Trials that proved nothing in this boot, and when they are next. */
export const UNPROVED_FILE = `${RUN_DIR}/trials-again.json`;
/** What the agent has made of the network in this boot. */
export const NETWORK_FILE = `${RUN_DIR}/links.json`;
/** How DHCP clients are to ask, what they got, and what else is known of DNS servers. */
export const DHCP_DIR = `${RUN_DIR}/dhcp`;
/** There as soon as a site has given a verified answer in this boot. */
export const ANSWERED_FILE = `${RUN_DIR}/answered`;

/** Programs and data that come with the agent. */
export const LIB_DIR = "/usr/lib/psyopsos";
/** Loads the drivers of all devices that are there. */
export const COLDPLUG = `${LIB_DIR}/coldplug`;
/** Lists the network interfaces, one a line: name and "up" or "down". */
export const INTERFACES = `${LIB_DIR}/interfaces`;
/** Tells what the machine is made of. */
export const MACHINE = `${LIB_DIR}/machine`;
/** Lists the processes of an account, or ends them. */
export const PROCESSES = `${LIB_DIR}/processes`;
/** Reads and sets what the kernel shows as files, and loads modules. */
export const KERNEL_FILES = `${LIB_DIR}/kernel-files`;
/** Tells what disks there are and what is mounted, and does what takes a right to /dev. */
export const STORAGE = `${LIB_DIR}/storage`;
/** Brings the state before a trial back at its deadline. */
export const TRIAL_WATCHDOG = `${LIB_DIR}/trial-watchdog`;
/** Starts, ends and lists DHCP clients. */
export const DHCP_CLIENT = `${LIB_DIR}/dhcp-client`;
/** Puts /etc/resolv.conf together. */
export const RESOLV_CONF = `${LIB_DIR}/resolv-conf`;

/** Keys that may log in, one file per account; only root writes here, whatever accounts do in their homes. */
export const AUTHORIZED_KEYS_DIR = "/etc/ssh/authorized_keys.d";
