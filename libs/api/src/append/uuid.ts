/** Name-based ids: the same request gives the same ids, so a repeat gives the same object and the same events (DESIGN 9.3). */
import { hash } from 'node:crypto';

/** Reused, since each append makes several ids. */
const SCRATCH = Buffer.alloc(4_096);
const NAME_CHARACTERS_MAX = 1_300;
/** Whose bytes SCRATCH begins with: most ids follow from the one before in the same namespace. */
let scratched = '';
let scratchedBytes = 0;

/** RFC 9562, version 5. `namespace` is a UUID. */
export function uuidv5(namespace: string, name: string): string {
  const hex = hash('sha1', bytesOf(namespace, name), 'hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function bytesOf(namespace: string, name: string): Buffer {
  if (namespace !== scratched) {
    scratchedBytes = SCRATCH.write(namespace.replaceAll('-', ''), 0, 'hex');
    scratched = namespace;
  }
  if (name.length > NAME_CHARACTERS_MAX) return Buffer.concat([SCRATCH.subarray(0, scratchedBytes), Buffer.from(name)]);
  return SCRATCH.subarray(0, scratchedBytes + SCRATCH.write(name, scratchedBytes, 'utf8'));
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
