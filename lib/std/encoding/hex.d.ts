/** The part of @std/encoding/hex that psyopsOS uses. decode throws on malformed input. */
export function encodeHex(data: Uint8Array | ArrayBuffer | string): string;
export function decodeHex(text: string): Uint8Array<ArrayBuffer>;
