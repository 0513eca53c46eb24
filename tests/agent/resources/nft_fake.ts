/** The nftables of a node in memory, as far as the agent goes: whole tables in one transaction. */
import { utf8 } from "../../../lib/bytes.ts";
import type { RunResult } from "../../../lib/host.ts";
import type { FakeHost } from "../../support/fake_host.ts";

/** Answers `nft`, and `sshd -T` where the node has no other fake of that. */
export class NftFake {
  /** Statements of each table, by its name. */
  readonly tables = new Map<string, string>();
  /** What was loaded, in order; what was only looked at is not among it. */
  readonly loaded: string[] = [];
  /** Ports that sshd listens on. */
  sshPorts: readonly number[] = [22];

  constructor(host: FakeHost) {
    host.programs.set("nft", (args, { stdin }) => {
      switch (args.join(" ")) {
        case "-c -f -":
          return this.#read(`${stdin}`).answer;
        case "-f -": {
          const { answer, tables } = this.#read(`${stdin}`);
          if (!tables) return answer;
          this.loaded.push(`${stdin}`);
          this.tables.clear();
          for (const [name, text] of tables) this.tables.set(name, text);
          return {};
        }
        case "-s list table inet psyopsos":
        case "-s -t list table inet psyopsos": {
          const text = this.tables.get("inet psyopsos");
          if (text === undefined) return failed("Error: No such file or directory");
          return `table inet psyopsos {\n${text}}\n`;
        }
        default:
          return failed(`nft: unknown arguments ${args.join(" ")}`);
      }
    });
    if (host.programs.has("sshd")) return;
    host.programs.set("sshd", (args) => {
      if (args.join(" ") !== "-T") return failed("unknown option");
      const lines = this.sshPorts.map((port) => `listenaddress 0.0.0.0:${port}\n`);
      return `${lines.join("")}${lines.join("").replaceAll("0.0.0.0", "[::]")}usedns no\n`;
    });
  }

  /** The table that is the node's own. */
  get own(): string | undefined {
    return this.tables.get("inet psyopsos");
  }

  #read(statements: string): { answer: Partial<RunResult>; tables?: Map<string, string> } {
    const tables = new Map(this.tables);
    let rest = statements;
    while (rest !== "") {
      const [whole, verb, name = "", block] =
        /^(?:(add|delete) table ([a-z]+ [a-z]+)|table ([a-z]+ [a-z]+) \{\n(?:[^}].*\n|\n)*\})\n/
          .exec(rest) ?? [];
      if (whole === undefined || /\bnonsense\b/.test(rest)) {
        const line = statements.split("\n").findIndex((one) => one === "nonsense") + 1;
        const complaint = `/dev/stdin:${line}:1-8: Error: syntax error, unexpected string`;
        return { answer: failed(`${complaint}\nnonsense\n^^^^^^^^`) };
      }
      if (verb === "delete") tables.delete(name);
      else if (verb === "add") tables.set(name, tables.get(name) ?? "");
      else tables.set(block!, whole.slice(whole.indexOf("\n") + 1, -2));
      rest = rest.slice(whole.length);
    }
    return { answer: {}, tables };
  }
}

function failed(complaint: string): Partial<RunResult> {
  return { code: 1, stderr: utf8(`${complaint}\n`) };
}
