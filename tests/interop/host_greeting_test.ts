import { assertEquals, assertRejects } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";

const host = new DenoHost();

/** A server that says something to whoever connects, or nothing; `end` closes the connection then. */
function serve(words: string, end: boolean): { port: number } & AsyncDisposable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const done = (async () => {
    for await (const connection of listener) {
      held.push(connection);
      await connection.write(new TextEncoder().encode(words));
      if (end) connection.close();
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await done;
      if (!end) { for (const connection of held) connection.close(); }
    },
  };
}

const ask = (port: number) => host.greeting({ address: "127.0.0.1", port, timeoutMs: 300 });

Deno.test("greeting() gives what a server says of itself", async () => {
  for (const end of [true, false]) {
    await using server = serve("SSH-2.0-x\r\n", end);
    assertEquals(new TextDecoder().decode(await ask(server.port)), "SSH-2.0-x\r\n");
  }
});

Deno.test("greeting() fails where nobody listens, or nothing is said in time, or ever", async () => {
  let port: number;
  {
    await using silent = serve("", false);
    ({ port } = silent);
    await assertRejects(() => ask(port), Error, "no answer in time");
  }
  await assertRejects(() => ask(port), Error, "ECONNREFUSED");
  await using closing = serve("", true);
  await assertRejects(() => ask(closing.port), Error);
});
