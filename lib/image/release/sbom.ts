/**
 * The software bill of materials of an image: CycloneDX 1.6 as JSON, for scanners of vulnerabilities and
 * licences. Only facts of the manifest, so the same image has the same one: its serial number is made of
 * its content, its time is the image's.
 * Spec: ECMA-424 (CycloneDX 1.6); purl-spec, type apk.
 *
 * @module
 */
import { encodeHex } from "@std/encoding/hex";
import { sha256, utf8 } from "../../bytes.ts";
import type { Manifest, ManifestPackage } from "../../documents/manifest.ts";

/**
 * Whose packages these are. "alpine": vulnerabilities that are known of Alpine's packages are theirs.
 * "local": made by somebody else under such names, e.g. the lab's; no scanner must take them for Alpine's.
 */
export type SbomVendor = "alpine" | "local";

/** Vendor of packages whose index was signed by one of these keys. */
export function vendorOf(keyNames: Iterable<string>): SbomVendor {
  for (const name of keyNames) if (name.startsWith("alpine-devel@")) return "alpine";
  return "local";
}

/** The document, ready for JSON. */
export function makeSbom(manifest: Manifest, vendor: SbomVendor) {
  const { name, version, arch, epoch, packages, agent } = manifest;
  const root = `${name}@${version}?arch=${arch}`;
  const parts = packages.map((one) => packageComponent(one, vendor));
  const own = agent
    ? [
      {
        type: "application",
        "bom-ref": `agent@${agent.version}`,
        name: "psyopsos-agent",
        version: agent.version,
        properties: properties({ commit: agent.commit, form: agent.form }),
      },
      ...(agent.contains ?? []).map(({ name, version, purl }) => ({
        type: "library",
        "bom-ref": purl,
        name,
        version,
        purl,
        properties: properties({ role: "inside the agent" }),
      })),
    ]
    : [];
  // One package may be in an image for two reasons: a component stands once.
  const components = [...new Map([...parts, ...own].map((one) => [one["bom-ref"], one])).values()];
  const content = {
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString().replace(".000Z", "Z"),
      component: {
        type: "operating-system",
        "bom-ref": root,
        name,
        version,
        properties: properties({ arch, engine: manifest.engine, kernel: manifest.kernel }),
      },
    },
    components,
    dependencies: [
      { ref: root, dependsOn: components.map((one) => one["bom-ref"]) },
      ...components.map((one) => ({ ref: one["bom-ref"] })),
    ],
  };
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${contentUuid(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

/** Package URL, e.g. `pkg:apk/alpine/busybox@1.37.0-r30?arch=x86_64&distro=alpine-3.24`. */
export function packageUrl(
  { name, version, arch, repository }: ManifestPackage,
  vendor: SbomVendor,
): string {
  const release = /\/alpine\/v(\d+\.\d+)\//.exec(repository)?.[1];
  const qualifiers = [`arch=${arch}`];
  if (vendor === "alpine" && release) qualifiers.push(`distro=alpine-${release}`);
  return `pkg:apk/${vendor}/${escape(name)}@${escape(version)}?${qualifiers.join("&")}`;
}

function packageComponent(one: ManifestPackage, vendor: SbomVendor) {
  const purl = packageUrl(one, vendor);
  return {
    type: one.role === "kernel" && one.name.startsWith("linux-") ? "operating-system" : "library",
    "bom-ref": purl,
    name: one.name,
    version: one.version,
    ...(one.description === "" ? {} : { description: one.description }),
    ...(one.sha256 === undefined ? {} : { hashes: [{ alg: "SHA-256", content: one.sha256 }] }),
    ...(one.license === "" ? {} : { licenses: [license(one.license)] }),
    purl,
    ...(/^https?:\/\/\S+$/.test(one.url)
      ? { externalReferences: [{ type: "website", url: one.url }] }
      : {}),
    properties: properties({ role: one.role, origin: one.origin, checksum: one.checksum }),
  };
}

/** Alpine writes SPDX expressions, but not everybody does. */
function license(text: string) {
  const id = String.raw`\(*[A-Za-z0-9][A-Za-z0-9.-]*\+?\)*`;
  const isExpression = new RegExp(`^${id}(?: (?:AND|OR|WITH) ${id})*$`).test(text) &&
    text.split("(").length === text.split(")").length;
  return isExpression ? { expression: text } : { license: { name: text } };
}

function properties(facts: Readonly<Record<string, string | undefined>>) {
  return Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [{ name: `psyopsos:${key}`, value }]
  );
}

/** RFC 3986's unreserved characters stay, as purl wants it. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A UUID of version 8 (RFC 9562) made of the content's SHA-256. */
function contentUuid(content: string): string {
  const bytes = sha256(utf8(content)).slice(0, 16);
  bytes[6] = bytes[6]! & 0x0f | 0x80;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  return encodeHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
