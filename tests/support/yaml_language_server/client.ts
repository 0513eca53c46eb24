/**
 * The YAML language server, as editors run it, for tests of the schemas that it reads. It has a configuration and a lock of its
 * own, so that nobody else downloads its packages. Protocol: the Language Server Protocol over standard input and output.
 */
import { concat, text, utf8 } from "../../../lib/bytes.ts";

/** What the server says about a place in a file; lines count from 0. */
export interface Diagnostic {
  message: string;
  range: { start: { line: number; character: number } };
}

interface Message {
  id?: number;
  method?: string;
  params?: unknown;
  result?: unknown;
}

const FOLDER = new URL(".", import.meta.url).pathname;
const LIMIT_MS = 60_000;

/** The running server; files are given as texts under a URL. */
export class YamlLanguageServer {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers = new Map<number, (result: unknown) => void>();
  readonly #diagnostics = new Map<string, (found: Diagnostic[]) => void>();
  readonly #reading: Promise<void>;
  #last = 0;

  private constructor(readonly settings: Record<string, unknown>) {
    const program = "npm:yaml-language-server@2.0.0/bin/yaml-language-server";
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", "--config", `${FOLDER}deno.json`, program, "--stdio"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** Starts the server with an editor's settings for YAML. */
  static async start(settings: Record<string, unknown>): Promise<YamlLanguageServer> {
    const server = new YamlLanguageServer(settings);
    await server.#ask("initialize", {
      processId: null,
      rootUri: null,
      capabilities: { workspace: { configuration: true } },
    });
    await server.#send({ method: "initialized", params: {} });
    await server.#send({ method: "workspace/didChangeConfiguration", params: { settings: {} } });
    return server;
  }

  /** What the server finds in a file. */
  async diagnose(uri: string, source: string): Promise<Diagnostic[]> {
    const found = new Promise<Diagnostic[]>((resolve) => this.#diagnostics.set(uri, resolve));
    const textDocument = { uri, languageId: "yaml", version: 1, text: source };
    await this.#send({ method: "textDocument/didOpen", params: { textDocument } });
    return await within(found, `diagnostics of ${uri}`);
  }

  /** Labels of what may be written at a place of an opened file. */
  async complete(uri: string, line: number, character: number): Promise<string[]> {
    const position = { line, character };
    const result = await this.#ask("textDocument/completion", { textDocument: { uri }, position });
    return (result as { items: { label: string }[] }).items.map(({ label }) => label);
  }

  async stop(): Promise<void> {
    await this.#ask("shutdown", null);
    await this.#send({ method: "exit" });
    await this.#writer.close().catch(() => {});
    await this.#reading;
    await this.#child.status;
  }

  async #ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#last;
    const answer = new Promise<unknown>((resolve) => this.#answers.set(id, resolve));
    await this.#send({ id, method, params });
    return await within(answer, method);
  }

  async #send(message: Message): Promise<void> {
    const body = utf8(JSON.stringify({ jsonrpc: "2.0", ...message }));
    await this.#writer.write(concat([utf8(`Content-Length: ${body.length}\r\n\r\n`), body]));
  }

  async #read(): Promise<void> {
    let buffer: Uint8Array = new Uint8Array();
    for await (const chunk of this.#child.stdout) {
      buffer = concat([buffer, chunk]);
      for (let message = cut(); message !== undefined; message = cut()) await this.#take(message);
    }
    function cut(): Message | undefined {
      const head = /^(?:[^\r\n]+\r\n)*?Content-Length: (\d+)\r\n(?:[^\r\n]+\r\n)*\r\n/.exec(
        new TextDecoder("latin1").decode(buffer.subarray(0, 1024)),
      );
      if (!head) return undefined;
      const [start, size] = [head[0].length, Number(head[1])];
      if (buffer.length < start + size) return undefined;
      const body = buffer.slice(start, start + size);
      buffer = buffer.slice(start + size);
      return JSON.parse(text(body)) as Message;
    }
  }

  async #take({ id, method, params, result }: Message): Promise<void> {
    if (method === "workspace/configuration") {
      const { items } = params as { items: { section: string }[] };
      const answers = items.map(({ section }) => section === "yaml" ? this.settings : {});
      return await this.#send({ id, result: answers });
    }
    if (method === "textDocument/publishDiagnostics") {
      const { uri, diagnostics } = params as { uri: string; diagnostics: Diagnostic[] };
      this.#diagnostics.get(uri)?.(diagnostics);
    } else if (method !== undefined && id !== undefined) {
      await this.#send({ id, result: null });
    } else if (id !== undefined) {
      this.#answers.get(id)?.(result);
    }
  }
}

async function within<T>(answer: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The language server gave no ${what}`)), LIMIT_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
