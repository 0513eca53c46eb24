/**
 * Texts with facts of the node that reads them: `{{name}}` stands for its name, `{{{{` for two braces. What else stands between
 * braces is refused, so that a slip shows when the site is built.
 *
 * @module
 */

/** What a template may ask of a node. */
export interface NodeFacts {
  name: string;
  /** In the order in which the node lists them. */
  tags: readonly string[];
  /** Interfaces and their addresses in CIDR form; the first of an interface counts. */
  addresses: readonly (readonly [interfaceName: string, address: string])[];
}

/** One fact: the node's name, its tags, an address of an interface. */
type Fact =
  | { readonly fact: "name" | "tags" }
  | { readonly fact: "address" | "address6"; readonly interface: string };

/** What a template may name, for messages and the reference. */
export const FACT_WORDS =
  "{{name}}, {{tags}} (with commas between), {{address.eth0}} and {{address6.eth0}} (the first address of that interface)";

/** Four braces; two that begin a fact, with what follows up to the end. */
const BRACES = /\{\{\{\{|\{\{(?:[ \t]*([A-Za-z0-9._-]+)[ \t]*\}\})?/g;
/** As a fact with an interface is written. */
const OF_INTERFACE = /^(address6?)\.([A-Za-z0-9][A-Za-z0-9._-]{0,14})$/;

/** What is wrong with a template, with the line: it tells nothing of the text, which may be a secret. */
export function templateProblem(text: string): string | undefined {
  for (const match of text.matchAll(BRACES)) {
    if (match[0] === ESCAPED || factOf(match[1])) continue;
    const line = text.slice(0, match.index).split("\n").length;
    return `line ${line} has {{…}} that is no fact of a node: there are ${FACT_WORDS}; {{{{ stands for {{`;
  }
}

/** The facts that a template names. */
export function factsIn(text: string): Fact[] {
  return [...text.matchAll(BRACES)].flatMap((match) => factOf(match[1]) ?? []);
}

/** A template with the facts filled in, or what the node has not got. */
export function rendered(
  text: string,
  facts: NodeFacts,
): { text: string; lacks?: undefined } | { lacks: string; text?: undefined } {
  const problem = templateProblem(text);
  if (problem !== undefined) return { lacks: problem };
  const lacking = factsIn(text).find((fact) => valueOf(fact, facts) === undefined);
  if (lacking && "interface" in lacking) {
    const family = lacking.fact === "address" ? "IPv4" : "IPv6";
    return { lacks: `${lacking.interface} has no ${family} address` };
  }
  return {
    text: text.replaceAll(
      BRACES,
      (whole, fact) => whole === ESCAPED ? "{{" : valueOf(factOf(fact)!, facts)!,
    ),
  };
}

const ESCAPED = "{{{{";

function factOf(written: string | undefined): Fact | undefined {
  if (written === "name" || written === "tags") return { fact: written };
  const [, fact, name] = OF_INTERFACE.exec(written ?? "") ?? [];
  return fact === undefined ? undefined : { fact: fact as "address", interface: name! };
}

function valueOf(fact: Fact, { name, tags, addresses }: NodeFacts): string | undefined {
  if (fact.fact === "name") return name;
  if (fact.fact === "tags") return tags.join(",");
  if (!("interface" in fact)) return undefined;
  const found = addresses.find(([on, address]) =>
    on === fact.interface && address.includes(":") === (fact.fact === "address6")
  );
  return found?.[1].split("/")[0];
}
