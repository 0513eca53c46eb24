/**
 * The imports between the project's own files, read from their text, and the circles among them.
 *
 * Supported: `import`, `export … from` and `import()` with a literal relative specifier, as the formatter writes them.
 *
 * @module
 */

/** Imports of `file`'s `source` that lead to other files of the project, as paths relative to it. */
export function importsOf(file: string, source: string): string[] {
  const targets = new Set<string>();
  const pattern = /^(?:import|export)\b(?:[^;'"`]*\bfrom)?\s*"(\.[^"]+)"|\bimport\("(\.[^"]+)"\)/gm;
  for (const [, named, called] of source.matchAll(pattern)) {
    targets.add(new URL((named ?? called)!, `file:///${file}`).pathname.slice(1));
  }
  return [...targets];
}

/**
 * Groups of files that import each other in a circle, each sorted, in the order of their first files. `imports` gives the
 * imports of each file; types count, since a circle of types is a circle of ideas.
 */
export function circles(imports: ReadonlyMap<string, readonly string[]>): string[][] {
  // Tarjan's algorithm: a strongly connected component of more than one file is a circle.
  const found: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (file: string): void => {
    order.set(file, order.size);
    lowest.set(file, order.get(file)!);
    stack.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!imports.has(target)) continue;
      if (!order.has(target)) visit(target);
      if (stack.includes(target)) {
        lowest.set(file, Math.min(lowest.get(file)!, lowest.get(target)!));
      }
    }
    if (lowest.get(file) !== order.get(file)) return;
    const group = stack.splice(stack.indexOf(file));
    if (group.length > 1 || imports.get(file)?.includes(file)) found.push(group.sort());
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return found.sort((a, b) => a[0]! < b[0]! ? -1 : 1);
}
