/** Name-based ids: the same request gives the same ids, so a repeat gives the same object and the same events (DESIGN 9.3). */
import { hash } from 'node:crypto';

/** Reused, since each append makes several ids. */
const SCRATCH = Buffer.alloc(4_096);
const NAME_CHARACTERS_MAX = 1_300;

/** RFC 9562, version 5. `namespace` is a UUID. */
export function uuidv5(namespace: string, name: string): string {
  const hex = hash('sha1', bytesOf(namespace.replaceAll('-', ''), name), 'hex');
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function bytesOf(namespaceHex: string, name: string): Buffer {
  if (name.length > NAME_CHARACTERS_MAX) return Buffer.concat([Buffer.from(namespaceHex, 'hex'), Buffer.from(name)]);
  const at = SCRATCH.write(namespaceHex, 0, 'hex');
  return SCRATCH.subarray(0, at + SCRATCH.write(name, at, 'utf8'));
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
