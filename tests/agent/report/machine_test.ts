import { assertEquals } from "@std/assert";
import { parse } from "yaml";
import { parseMachine } from "../../../agent/report/machine.ts";
import { yamlLines } from "../../../agent/report/yaml.ts";

const OUTPUT = `/proc/cpuinfo\tprocessor\t: 0
/proc/cpuinfo\tmodel name\t: Fast: CPU @ 3 GHz
/proc/cpuinfo\tprocessor\t: 1
/proc/cpuinfo\tmodel name\t: Fast: CPU @ 3 GHz
/proc/meminfo\tMemTotal:        2048 kB
/sys/class/dmi/id/sys_vendor\tAcme
/sys/class/dmi/id/product_name\t
/sys/block/sda/size\t2048
/sys/block/sda/removable\t1
/sys/block/sda/device/model\tDISK X   
/sys/block/sda/device/vpd_pg80\t S123 
/sys/block/vda/size\t8
/sys/block/vda/serial\tdata: 1
/sys/class/net/eth0/address\t02:00:00:00:00:01
/sys/class/net/eth0/operstate\tup
/sys/class/net/eth0/speed\t1000
link /sys/class/net/eth0/device/driver\t../../../bus/pci/drivers/e1000
/sys/class/net/eth1/address\t02:00:00:00:00:02
/sys/class/net/eth1/operstate\tdown
/sys/class/net/eth1/speed\t-1
/sys/firmware/efi\tUEFI
`;

Deno.test("parseMachine() tells processor, memory, disks with their serials, cards with their addresses", () => {
  const facts = parseMachine(OUTPUT);
  assertEquals(facts, {
    cpu: { model: "Fast: CPU @ 3 GHz", threads: 2 },
    memoryKiB: 2048,
    firmware: { kind: "UEFI", vendor: "Acme" },
    disks: [
      { name: "sda", bytes: 1048576, model: "DISK X", serial: "S123", removable: true },
      { name: "vda", bytes: 4096, serial: "data: 1", removable: false },
    ],
    interfaces: [
      { name: "eth0", mac: "02:00:00:00:00:01", driver: "e1000", state: "up", speedMbit: 1000 },
      { name: "eth1", mac: "02:00:00:00:00:02", state: "down" },
    ],
  });
  assertEquals(parse(yamlLines(facts).join("\n")), facts);
});

Deno.test("yamlLines() is read as what it was made of, whatever texts look like", () => {
  const odd = {
    texts: [
      "yes",
      "No",
      "1e3",
      "0x1",
      "- a",
      "a: b",
      "",
      " a",
      "a #b",
      "~",
      "2026-01-01",
      "é",
      "\n",
    ],
    "a: b": { empty: {}, none: [], lists: [[1, [2]], { a: { b: null } }] },
    n: -1.5,
    t: true,
  };
  assertEquals(parse(yamlLines(odd).join("\n")), odd);
  assertEquals(parse(yamlLines(odd).join("\n"), { version: "1.1" }), odd);
});
