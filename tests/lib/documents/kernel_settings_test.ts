import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import * as v from "valibot";
import { desired, type NodeConfig, nodeConfigSchema } from "../../../lib/config/mod.ts";
import { formatKernelSettings, modprobeText } from "../../../lib/documents/kernel_settings.ts";

const wanted = (kernel: NodeConfig["kernel"]) => desired("kernel", { kernel }, { name: "alpha" });

Deno.test("formatKernelSettings() says all that a boot needs early, and modprobeText() what modprobe does", () => {
  const all = wanted({
    modules: { "usb-storage": { parameters: { quirks: "0bc2:2312:u", delay_use: 5 } }, nbd: {} },
    blacklist: { pcspkr: true },
    sysctl: { "vm.swappiness": 10, "kernel.core_pattern": "", "net.ipv4.ping_group_range": "1 0" },
    sysfs: { "power.state": "mem" },
  });
  const modprobe = "blacklist pcspkr\noptions usb_storage delay_use=5\n" +
    "options usb_storage quirks=0bc2:2312:u\n";
  assertEquals(modprobeText(all), modprobe);
  assertEquals(
    formatKernelSettings(all),
    `psyopsos-kernel 1\n${modprobe}module nbd\nmodule usb_storage\nsysctl kernel/core_pattern\n` +
      "sysctl net/ipv4/ping_group_range 1 0\nsysctl vm/swappiness 10\nend\n",
  );
});

Deno.test("formatKernelSettings() and modprobeText() give nothing where there is nothing to say", () => {
  for (const kernel of [undefined, {}, { modules: {} }, { sysfs: { "a.b": 1 } }]) {
    assertEquals(formatKernelSettings(wanted(kernel)), undefined);
    assertEquals(modprobeText(wanted(kernel)), undefined);
  }
});

/** The forms of lines that the reader of the drive's settings takes, which is a shell script. */
const LINE =
  /^(?:psyopsos-kernel 1|blacklist \w+|options \w+ [\w.-]+=[\w.,:;=+\/@%*-]+|module \w+|sysctl [\w.:@+\/-]+(?: [\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?|end)$/;

Deno.test("formatKernelSettings() writes lines of five forms alone, whatever the schema lets through", () => {
  const word = fc.oneof(
    fc.constantFrom("a.b", "a-b", "a/b", "1", " x  y ", "$(id)", "a;b", "-x", "a b"),
    fc.string({ unit: "binary-ascii", maxLength: 8 }),
  );
  const value = fc.oneof(word, fc.integer());
  const mapping = <Value>(of: fc.Arbitrary<Value>) => fc.dictionary(word, of, { maxKeys: 2 });
  const kernel = fc.record({
    modules: mapping(fc.record({ parameters: mapping(value) })),
    blacklist: mapping(fc.constant(true)),
    sysctl: mapping(value),
  }, { requiredKeys: [] });
  let lines = 0;
  fc.assert(
    fc.property(kernel, (given) => {
      const read = v.safeParse(nodeConfigSchema, { kernel: given });
      if (!read.success) return;
      const text = formatKernelSettings(wanted(read.output.kernel)) ?? "";
      for (const line of text.split("\n").slice(0, -1)) {
        assertMatch(line, LINE);
        lines++;
      }
    }),
    { numRuns: 5000 },
  );
  assert(lines > 200, `${lines} lines`);
});
