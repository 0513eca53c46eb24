import { assertEquals } from "@std/assert";
import { kernel, normalSetting, sameParameter, settingPath } from "../../../lib/config/kernel.ts";
import { mergedProblems, nodeConfigSchema } from "../../../lib/config/mod.ts";
import { readYaml } from "../../../site/fleet/yaml_file.ts";

/** What the desk says of YAML below `kernel`. */
function problems(yaml: string): string[] {
  const read = readYaml("x", `kernel: {${yaml}}`, nodeConfigSchema);
  if (Array.isArray(read)) return read.map(({ message }) => message);
  return mergedProblems(read.value).map(({ message }) => message);
}

Deno.test("settingPath() separates as sysctl does: by what comes first, and the other stands for it", () => {
  const cases: [string, string][] = [
    ["vm.swappiness", "vm/swappiness"],
    ["vm/swappiness", "vm/swappiness"],
    ["net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"],
    ["net/ipv4/conf/eth0.100/forwarding", "net/ipv4/conf/eth0.100/forwarding"],
    ["bus/pci/devices/0000:00:1f.2/d3cold_allowed", "bus/pci/devices/0000:00:1f.2/d3cold_allowed"],
    ["lonely", "lonely"],
  ];
  for (const [name, path] of cases) assertEquals(settingPath(name), path, name);
});

Deno.test("the desk refuses names of settings that lead elsewhere, in either spelling", () => {
  for (
    const name of ["vm..swappiness", "../etc/passwd", "vm/../x", "a./..b", ".vm", "vm.", "/vm"]
  ) {
    const [message = ""] = problems(`sysctl: {"${name}": 1}`);
    assertEquals(
      /must have a name between any two of its dots or slashes/.test(message),
      true,
      `${name}: ${message}`,
    );
  }
  for (const name of ["a b", "a\\nb", "ä"]) {
    assertEquals(problems(`sysfs: {"${name}": 1}`).length, 1);
  }
});

Deno.test("the desk refuses values that need quotes in modprobe's files, or end lines", () => {
  for (const value of ['"a b"', "'a\"'", "'#'", '"a\\nb"', "true", "1.5", '""']) {
    assertEquals(problems(`modules: {nbd: {parameters: {x: ${value}}}}`).length, 1, value);
  }
  for (const value of ['"a\\nb"', "true", "1.5", `"${"x".repeat(513)}"`]) {
    assertEquals(problems(`sysctl: {a.b: ${value}}`).length, 1, value);
  }
  assertEquals(problems(`sysctl: {kernel.core_pattern: "|/bin/x %p [a]", a.b: "", a.c: -1}`), []);
});

Deno.test("the desk refuses the same thing twice, by whatever names", () => {
  assertEquals(problems("sysctl: {vm.swappiness: 1, vm/swappiness: 2}"), [
    "kernel.sysctl.vm/swappiness: the path /proc/sys/vm/swappiness belongs to kernel.sysctl.vm.swappiness",
  ]);
  assertEquals(problems("sysctl: {kernel.hostname: x}"), [
    "kernel.sysctl.kernel.hostname: the path /proc/sys/kernel/hostname belongs to the key hostname",
  ]);
  assertEquals(
    problems("modules: {usb-storage: {}, usb_storage: {}, uas: {}}, blacklist: {uas: true}"),
    [
      "modules: usb_storage stands here twice, with - and with _",
      "uas stands below modules and below blacklist",
    ],
  );
});

Deno.test("values are compared by what they mean", () => {
  const same: [string, string][] = [["4096\t16384\t4194304", " 4096  16384 4194304\n"], [
    "always [madvise] never",
    "madvise",
  ]];
  for (const [a, b] of same) assertEquals(normalSetting(a), normalSetting(b));
  const parameters: [string, string, boolean][] = [
    ["Y", "1", true],
    ["N", "off", true],
    ["N", "1", false],
    ["Y", "maybe", false],
    ["N", "maybe", false],
    ["16", "0x10", true],
    ["16", "0x11", false],
    ["1,2", "1,2", true],
    ["(null)", "", false],
  ];
  for (const [shown, wanted, is] of parameters) {
    assertEquals(sameParameter(shown, wanted), is, `${shown} ${wanted}`);
  }
});

Deno.test("what is wanted is in the order of names, whatever the file's", () => {
  const wanted = kernel.desired(
    {
      modules: { b: {}, "a-x": { parameters: { z: 1, y: 2 } } },
      sysctl: { "b.c": 1, "a.b": " 2 " },
    },
    { name: "alpha" },
    {},
    () => ({}),
  );
  assertEquals(wanted.modules.map(({ name }) => name), ["a_x", "b"]);
  assertEquals(wanted.modules[0]!.parameters.map(({ name }) => name), ["y", "z"]);
  assertEquals(wanted.settings.map(({ path, value }) => [path, value]), [
    ["/proc/sys/a/b", "2"],
    ["/proc/sys/b/c", "1"],
  ]);
});
