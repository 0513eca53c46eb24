import { assertEquals } from "@std/assert";
import { DenoHost } from "../../lib/deno_host.ts";

const host = new DenoHost();

Deno.test("fetch() asks over a connection of its own where it is told to", async () => {
  const ports: number[] = [];
  const body = "x".repeat(300_000);
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (_request, { remoteAddr }) => {
      ports.push(remoteAddr.port);
      return new Response(body);
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const ask = async (newConnection: boolean) => {
    const response = await host.fetch(url, { newConnection });
    assertEquals((await response.text()).length, body.length);
  };
  await ask(false);
  await ask(false);
  assertEquals(new Set(ports).size, 1, "an ordinary request takes the connection that is there");
  await ask(true);
  await ask(true);
  assertEquals(new Set(ports).size, 3);
});
