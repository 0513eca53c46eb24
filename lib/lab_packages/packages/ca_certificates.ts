/**
 * ca-certificates-bundle: Mozilla's certificate authorities as Debian ships them, in one file.
 *
 * @module
 */
import { concat } from "../../bytes.ts";
import type { DebContent } from "../debian.ts";
import { type Draft, file, fromDeb, symlink } from "./recipe.ts";

/** The package. */
export function caCertificates(content: DebContent): Draft {
  const certificates = content.entries
    .filter(({ path }) => /^usr\/share\/ca-certificates\/mozilla\/.*\.crt$/.test(path))
    .sort((a, b) => a.path < b.path ? -1 : 1);
  const bundle = concat(certificates.map(({ data }) => data ?? new Uint8Array()));
  return fromDeb(
    content,
    {
      name: "ca-certificates-bundle",
      description: "Bundle of Mozilla's CA certificates",
      license: "MPL-2.0",
    },
    () => undefined,
    [
      file("etc/ssl/certs/ca-certificates.crt", bundle),
      symlink("etc/ssl/cert.pem", "certs/ca-certificates.crt"),
    ],
  );
}
