/**
 * Sizes that more than one part of the system must agree on, in bytes: what the site build makes, what nodes read, what
 * their drives keep. A site that passes the build's checks passes all of these on its nodes.
 *
 * @module
 */

/**
 * Largest document, decrypted or not; all are parsed as a whole. A node's instructions are one: files of its configuration
 * that are bigger together do not belong in it.
 */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/**
 * What a node keeps of one publication on its identity drive: all documents that it read, together. The drive has 16 MiB and
 * holds two such sets for a moment.
 */
export const MAX_KEPT_BYTES = 5 * 1024 * 1024;
export const MAX_KEPT_FILES = 256;

/** Largest status document that a node may send. */
export const MAX_STATUS_BYTES = 1024 * 1024;
