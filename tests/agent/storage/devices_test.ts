import { assertEquals, assertRejects } from "@std/assert";
import { parseDevices, readSignatures } from "../../../agent/storage/devices.ts";
import { UserError } from "../../../lib/errors.ts";
import { FakeHost } from "../../support/fake_host.ts";

Deno.test("parseDevices() reads what the helper tells of disks and partitions", () => {
  const lines = [
    "nvme0n1\t\t\t1000\t0\t0\t0\tS 1\tMaker X\tpci0000:00/nvme/nvme0\tpsyopsos-data md0 ",
    "nvme0n1p1\tnvme0n1\t1\t500\t\t\t1\t\t\t\t",
  ];
  assertEquals(parseDevices(`${lines.join("\n")}\n`), [
    {
      name: "nvme0n1",
      sectors: 1000,
      isRemovable: false,
      isUsb: false,
      isReadOnly: false,
      serial: "S 1",
      model: "Maker X",
      path: "pci0000:00/nvme/nvme0",
      holders: ["psyopsos-data", "md0"],
    },
    {
      name: "nvme0n1p1",
      disk: "nvme0n1",
      partition: 1,
      sectors: 500,
      isRemovable: false,
      isUsb: false,
      isReadOnly: true,
      serial: "",
      model: "",
      path: "",
      holders: [],
    },
  ]);
});

Deno.test("readSignatures() takes no answer that it does not understand for an empty disk", async () => {
  const host = new FakeHost();
  const read = (output: string | { code: number }) => {
    host.programs.set("wipefs", () => output);
    return readSignatures(host, "/dev/vdb");
  };
  assertEquals(await read(""), []);
  assertEquals(
    await read(
      '{"signatures": [{"type": "ext4", "uuid": "AB-12", "label": null, "offset": "0x438"}]}',
    ),
    [{ type: "ext4", uuid: "ab-12" }],
  );
  for (const wrong of ["ext4", "{}", '{"signatures": [{}]}', '{"signatures": 1}']) {
    await assertRejects(() => read(wrong), UserError, "in another form");
  }
  await assertRejects(() => read({ code: 1 }), UserError, "see what is on /dev/vdb");
});
