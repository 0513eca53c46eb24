/**
 * All packages that the solver may choose from, found by the names that they answer to.
 * Records are parsed when the search first meets them: a full Alpine index has over 20,000.
 *
 * @module
 */
import { errorText } from "../errors.ts";
import { type Dependency, parseDependency, parseProvide, type Provide } from "./dependency.ts";
import type { IndexRecord } from "./index.ts";

/** The packages of one repository; `name` is how errors call it. */
export interface RepositoryIndex {
  name: string;
  records: readonly IndexRecord[];
}

/** One package as the solver sees it. */
export class Candidate {
  #depends?: readonly Dependency[];
  #installIf?: readonly Dependency[];
  readonly names: readonly Provide[];
  /** Why it can never be installed. */
  broken?: string;

  constructor(readonly record: IndexRecord, readonly repository: number, readonly order: number) {
    const { name, version, provides } = record;
    this.names = [{ name, version }, ...provides.map(parseProvide)];
  }

  get id(): string {
    return `${this.record.name}-${this.record.version}`;
  }

  get depends(): readonly Dependency[] {
    return this.#depends ??= this.#parse(this.record.depends);
  }

  get installIf(): readonly Dependency[] {
    return this.#installIf ??= this.#parse(this.record.installIf);
  }

  #parse(texts: readonly string[]): readonly Dependency[] {
    try {
      const dependencies = texts.map(parseDependency);
      const tagged = dependencies.find(({ tag }) => tag !== undefined);
      if (!tagged) return dependencies;
      this.broken = `it names the repository tag @${tagged.tag}`;
    } catch (error) {
      this.broken = errorText(error);
    }
    return [];
  }
}

/** A candidate in the role of one of its names. */
export interface Provider {
  candidate: Candidate;
  /** Undefined for a provide without version, which never excludes another of the kind. */
  version?: string;
}

/** The table of names. Earlier repositories come first; the same package in a later one is dropped. */
export class Universe {
  readonly #providers = new Map<string, Provider[]>();
  readonly #installIf = new Map<string, Candidate[]>();

  constructor(readonly repositories: readonly RepositoryIndex[], readonly arch?: string) {
    const known = new Set<string>();
    let order = 0;
    for (const [repository, { records }] of repositories.entries()) {
      for (const record of records) {
        const identity = `${record.checksum} ${record.name}-${record.version}`;
        if (known.has(identity)) continue;
        known.add(identity);
        this.#add(new Candidate(record, repository, order++));
      }
    }
  }

  /** Everything that answers to `name`. */
  providers(name: string): readonly Provider[] {
    return this.#providers.get(name) ?? [];
  }

  /** Packages whose install_if mentions `name`. */
  installIf(name: string): readonly Candidate[] {
    return this.#installIf.get(name) ?? [];
  }

  /** Every known name, for suggestions. */
  names(): Iterable<string> {
    return this.#providers.keys();
  }

  #add(candidate: Candidate): void {
    const { record } = candidate;
    const mine = new Map<string, string | undefined>();
    for (const { name, version } of candidate.names) {
      if (mine.has(name)) {
        // Two claims on one name conflict, as they would between two packages.
        if (version !== undefined || mine.get(name) !== undefined) {
          candidate.broken = `it provides ${name} twice`;
        }
        continue;
      }
      mine.set(name, version);
      push(this.#providers, name, version === undefined ? { candidate } : { candidate, version });
    }
    if (record.uninstallable !== undefined) candidate.broken = record.uninstallable;
    if (this.arch !== undefined && record.arch !== this.arch && record.arch !== "noarch") {
      candidate.broken = `it is for ${record.arch}`;
    }
    for (const { name } of candidate.installIf) push(this.#installIf, name, candidate);
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
