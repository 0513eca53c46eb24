/**
 * Runs an S3 server of others for tests/interop/s3_test.ts: `serve.ts PACKAGE DIRECTORY BUCKET`. Prints its port; ends when
 * standard input does. It has a configuration and a lock of its own, so that nobody else downloads its hundred packages.
 */

/** The parts of these packages that are used here; they bring no types. */
interface Server {
  run(): Promise<{ port: number }>;
}
type Package = { default: new (options: Record<string, unknown>) => Server };

const [name = "", directory, bucket] = Deno.args;
const { default: Server } = await import(name) as Package;
const server = new Server({
  address: "127.0.0.1",
  port: 0,
  silent: true,
  directory,
  configureBuckets: [{ name: bucket, configs: [] }],
});
const { port } = await server.run();
await Deno.stdout.write(new TextEncoder().encode(`${port}\n`));
for await (const _ of Deno.stdin.readable);
// Not close(): it waits for connections that clients keep for later.
Deno.exit(0);
