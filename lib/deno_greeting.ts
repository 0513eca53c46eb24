/**
 * What a server says of itself when somebody connects, through Node's sockets.
 *
 * @module
 */
import { createConnection } from "node:net";
import type { Bytes } from "./bytes.ts";
import type { GreetingQuestion } from "./host.ts";

/** Connects and waits for the first bytes; see {@linkcode Host.greeting}. */
export function greeting({ address, port, timeoutMs }: GreetingQuestion): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: address, port });
    const end = (act: () => void) => {
      clearTimeout(timer);
      socket.destroy();
      act();
    };
    const timer = setTimeout(() => end(() => reject(new Error("no answer in time"))), timeoutMs);
    socket.once("data", (data) => end(() => resolve(new Uint8Array(data))));
    socket.once("error", (error) => end(() => reject(error)));
    socket.once("close", () => end(() => reject(new Error("it said nothing"))));
  });
}
