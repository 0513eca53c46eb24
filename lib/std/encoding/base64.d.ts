/** The part of @std/encoding/base64 that psyopsOS uses. decode throws on malformed input. */
export function encodeBase64(data: Uint8Array | ArrayBuffer | string): string;
export function decodeBase64(text: string): Uint8Array<ArrayBuffer>;
