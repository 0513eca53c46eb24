import { assertEquals } from "@std/assert";
import { identityToRecipient } from "age-encryption";
import { bech32Key } from "../../../lib/trust/bech32.ts";
import { generateIdentity } from "../../../lib/trust/age_keygen.ts";

Deno.test("bech32Key() reads the key of age's published test vectors", () => {
  const identity = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
  assertEquals(bech32Key(identity, "age-secret-key-"), new Uint8Array(32).fill(0x42));
});

Deno.test("bech32Key() refuses every single changed letter, mixed case and other lengths", async () => {
  const { recipient, identity } = await generateIdentity();
  assertEquals(bech32Key(recipient, "age")?.length, 32);
  assertEquals(bech32Key(identity, "age-secret-key-")?.length, 32);
  assertEquals(await identityToRecipient(identity), recipient);
  for (let at = 4; at < recipient.length; at++) {
    const letter = recipient[at] === "q" ? "p" : "q";
    assertEquals(
      bech32Key(recipient.slice(0, at) + letter + recipient.slice(at + 1), "age"),
      undefined,
    );
  }
  const upperAt = recipient.search(/[a-z](?=[^a-z]*$)/);
  const mixed = recipient.slice(0, upperAt) + recipient[upperAt]!.toUpperCase() +
    recipient.slice(upperAt + 1);
  assertEquals(bech32Key(mixed, "age"), undefined);
  assertEquals(bech32Key(recipient.slice(0, -1), "age"), undefined);
  assertEquals(bech32Key(`${recipient}q`, "age"), undefined);
  assertEquals(bech32Key(recipient, "age-secret-key-"), undefined);
  assertEquals(bech32Key(recipient.replace("1", "b"), "age"), undefined);
});
