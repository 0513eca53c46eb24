/** Sites of one node under several URLs, each answered by the test. */
import { readIdentity } from "../../../agent/identity/read.ts";
import { type AskTime, Source } from "../../../agent/publication/source.ts";
import { driveOf, makeSite, World } from "../world.ts";

export const SITE = await makeSite();
export const NOW: AskTime = {
  now: { ms: Date.parse("2026-11-22T21:00:00Z"), from: "the clock" },
  sinceIssuedMs: 0,
};

export async function sourceOf(world: World, sites?: string[]): Promise<Source> {
  for (const [name, data] of driveOf("alpha")) world.put(`/drive/${name}`, data);
  const identity = await readIdentity(world, "/drive");
  return new Source(world, { ...identity, ...(sites && { sites }) });
}

/** Answers every URL by `answer`; counts requests by host. */
export class Mirrors extends World {
  readonly asked: string[] = [];
  answer: (url: URL, init?: RequestInit) => Response | Promise<Response> = () =>
    new Response(null, { status: 404 });
  override async fetch(url: string, init?: RequestInit): Promise<Response> {
    this.asked.push(url);
    return await this.answer(new URL(url), init);
  }
  page(url: URL): Response {
    const data = SITE.get(url.pathname.slice(1));
    return data ? new Response(data.slice()) : new Response(null, { status: 404 });
  }
}
