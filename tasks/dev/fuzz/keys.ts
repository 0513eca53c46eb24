/**
 * Keys of the samples. They are fixed, so that a case is the same in every process, and published with the project: nothing
 * anywhere trusts them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import { type Bytes, utf8 } from "../../../lib/bytes.ts";
import { formatPublicKey } from "../../../lib/trust/minisign.ts";
import {
  formatSecretKey,
  publicKeyOf,
  type SecretKey,
  secretKey,
} from "../../../lib/trust/minisign_sign.ts";

/** An RSA key of 2048 bits. */
const RSA = {
  kty: "RSA",
  n: [
    "pWb7qPW56luWWUYSajDSJ7Y9a-LzOExO6B5B9OTb--hX7amoAyJCY0L6hGNKYfWdBTRbAIK-eQ2lelTsKg5JE0",
    "IIhGtJwgo_kDypiI-",
    "Z9xVFo5Zga8bB9esp_xosBnmGyLF8buLjq6aayTOgxW03r68bVIjItNifNIG4XXHuWjKhl7nBPs6uSyEfo-vV0",
    "fjUOgDiO6t9tY1dpogNuAtKcQcqsybso9tOuHY9dasgxuKYAMfSTlOtS3AS9_Fn9G5u3rFUdyx7a-",
    "2bg3OtzoEF_qHUirp2Ol7ySg1MPFOZHrWMonB-g0u73UC5tPcUpR0JHg6CEoGFv4pOdXfeIxdQTQ",
  ].join(""),
  e: "AQAB",
  d: [
    "H5AJUfKiKaCUjjCa7vyl_cH-8ol6VDHrlMvBVlQdznJF5SpMz1xIQtzTJVQ1K4BNGGMnQm-wnTUHcNKnxla3hx",
    "9AtNQsXQTLoGCTEWYlwUqj4VWezLI-7QiVGQMLh6jFGaMU1awiOe0u-FoLweDXkYTeuEDp2-jCaKigX-SP0VIt",
    "jxo2sSwZrrvu3eDPg95Naib8tR5x5PWYfx_jCthlvhTi7UwsAVcyACHtDo54oqYhENn1kU5PVuVvkjiy3DEAjF",
    "oZiI2franYokw3Ns-cMzDMtpmEltPFQx-3-hVjrqAya-CdVogep4C1esK3DFl4lUpPSLqnIMqALsBmJs3s2Q",
  ].join(""),
  p: [
    "zbQxDXYP8CqZ2OEZSJjinvyhiOWyXWyKwQneFOwupwzLMDtbPeyjb6Zpso5giOm1K5ggl-R_e_GfWIrS9vUlSw",
    "ivgKAxX_Wie7g3nt2BL7rYXq20PTjiTFozoPz2kHxRl7-_NAm4DF2qSxZhSkFZLo4Kts8bREzxjbuquMq7QLM",
  ].join(""),
  q: [
    "zdgoQENYX9MJRSsQLeZkF1gOrcspajxUQgmEOLBxfD4lmrRn4ln49aR0A_RHdRUrDgVvDKg5d0sPmmCA9nHMdi",
    "OoYAwOjJhInuklBNlcIwL1OkQ67fSAXzbxjjmQF1TkkdlrN5P0HeGcooruBVzq2c9fSK7o-yoZU5gYdSd5qv8",
  ].join(""),
  dp: [
    "YBe3_njTkzbjbawh2ocI_oo3j7L1sqzc2LaaVx3J4WGZnatswS3FX4fWwoG-",
    "WNcMOhQzzaEBaM4DySH40ULNrBKfoa-",
    "zwQcHY1I4MW96ROi84OW2WA81r8NHcQIa0H4yw3fggxezMZujzLXktwJ1_ch--s0fCLYE9VfgtbiG5v8",
  ].join(""),
  dq: [
    "ffPm5TOQDspN4NHxy3QvCI2sJbGrfMK_d8zk598nAbPxRJFhA4K0MHJZPtYpJz41oxW2FpOU3ibCvF6SarnFNw",
    "ColWSrPmIsBXh5W1c45n932BhJyrKSHjC7a6BTR8N9PLVBwrc4Z1RWiKrj68ooNfCKyCmmi5D-AEWPqZfm_bc",
  ].join(""),
  qi: [
    "XQBNMZPw6aoBlZ8JxgCqdpHtzM57vNrHWvlIwuIDrGOGYEJ85w-xXSb7U199mKusm5QSgDLlA-",
    "C2FGT66drZSLnUBwxFCTaJz1k0oK8Fh9rhJDJc34TeJYXWnIR2wj-",
    "PTzRVmFbNcmsaM9ZgQsMARGe7zb9p64jv5dnx0KqJIaY",
  ].join(""),
};

const rsa = createPrivateKey({ key: RSA, format: "jwk" });

/** Its public half in PEM. */
export const RSA_PUBLIC = createPublicKey(rsa).export({ format: "pem", type: "spki" }) as string;
/** Name of the file that holds it. */
export const RSA_FILE = "fuzz.rsa.pub";

/** The signature of `data`, PKCS #1 v1.5 with SHA-1. */
export function rsaSign(data: Bytes): Bytes {
  return new Uint8Array(sign("sha1", data, rsa));
}

/** A minisign key. */
export const ED25519: SecretKey = secretKey(
  utf8("fuzz key"),
  Uint8Array.from({ length: 32 }, (_, i) => i),
);
/** The text of its public half. */
export const ED25519_PUBLIC = formatPublicKey(publicKeyOf(ED25519));
/** The text of its secret half, without a passphrase. */
export const ED25519_SECRET = await formatSecretKey(ED25519);

const base64Url = (bytes: Bytes) => Buffer.from(bytes).toString("base64url");
const ed25519 = createPrivateKey({
  key: { kty: "OKP", crv: "Ed25519", x: base64Url(ED25519.key), d: base64Url(ED25519.seed) },
  format: "jwk",
});

/** The bare signature of `data`. */
export function ed25519Sign(data: Bytes): Bytes {
  return new Uint8Array(sign(null, data, ed25519));
}

/** An age identity. */
export const AGE_IDENTITY =
  "AGE-SECRET-KEY-17MT4890NT5VHWLPPNSMWJUYPHP0WMJHVEY3GAG9HVWQFD2X7QLGSZ28FRA";
/** Its recipient. */
export const AGE_RECIPIENT = "age1q2y8a4xj6jqeq0p0lz0jj6wsy9uutnj00k280rkgwaa0uhzehcwq7lz509";
