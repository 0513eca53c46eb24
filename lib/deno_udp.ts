/**
 * One question and its answer over UDP, through Node's sockets: those of Deno are not stable yet.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket, type SocketType } from "node:dgram";
import type { Bytes } from "./bytes.ts";
import type { DatagramQuestion } from "./host.ts";

/** Sends a datagram and waits for its answer; see {@linkcode Host.askUdp}. */
export async function askUdp(question: DatagramQuestion): Promise<Bytes> {
  const done = new AbortController();
  const families: SocketType[] = ["udp4", "udp6"];
  try {
    return await Promise.any(families.map((family) => askFamily(question, family, done.signal)));
  } catch (error) {
    // Both have failed; the first says more of a name that has no addresses at all.
    throw error instanceof AggregateError ? error.errors[0] : error;
  } finally {
    done.abort();
  }
}

function askFamily(
  { server, port, data, timeoutMs, accept }: DatagramQuestion,
  family: SocketType,
  done: AbortSignal,
): Promise<Bytes> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(family);
    const end = (act: () => void) => {
      clearTimeout(timer);
      if (!done.aborted) done.removeEventListener("abort", stop);
      socket.close();
      act();
    };
    const stop = () => end(() => reject(new Error("stopped")));
    const timer = setTimeout(() => end(() => reject(new Error("no answer in time"))), timeoutMs);
    done.addEventListener("abort", stop, { once: true });
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("message", (answer) => {
      // Anybody can send a datagram here: what is no answer is passed over.
      const bytes = new Uint8Array(answer);
      if (accept(bytes)) end(() => resolve(bytes));
    });
    socket.send(Buffer.from(data), port, server, (error) => {
      if (error) end(() => reject(error));
    });
  });
}
