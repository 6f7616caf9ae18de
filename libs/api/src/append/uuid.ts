/** Name-based ids: the same request gives the same ids, so a repeat gives the same object and the same events (DESIGN 9.3). */
import { hash } from 'node:crypto';

/** Reused, since each append makes several ids. */
const SCRATCH = Buffer.alloc(4_096);
const NAME_CHARACTERS_MAX = 1_300;
/** Whose bytes SCRATCH begins with: most ids follow from the one before in the same namespace. */
let scratched = '';
let scratchedBytes = 0;
/** Views of the beginning of SCRATCH, by length: few are needed, and making one takes as long as a hash. */
const BEGINNINGS = new Array<Buffer | undefined>(SCRATCH.length + 1);
const UUID_CHARACTERS = 36;
/** Written byte by byte: a text that is put together of slices costs twice the time, and keeps all of them. */
const TEXT = Buffer.alloc(UUID_CHARACTERS);
const HEX = '0123456789abcdef';
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const LOWER_A = 0x61;
/** Makes a letter of ASCII lower case. */
const CASE_BIT = 0x20;

/** RFC 9562, version 5. `namespace` is a UUID. */
export function uuidv5(namespace: string, name: string): string {
  const bytes = hash('sha1', bytesOf(namespace, name), 'binary');
  let at = 0;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) TEXT[at++] = DASH;
    let byte = bytes.charCodeAt(i);
    if (i === 6) byte = (byte & 0x0f) | 0x50;
    else if (i === 8) byte = (byte & 0x3f) | 0x80;
    TEXT[at++] = HEX.charCodeAt(byte >> 4);
    TEXT[at++] = HEX.charCodeAt(byte & 0xf);
  }
  return TEXT.toString('latin1');
}

function bytesOf(namespace: string, name: string): Buffer {
  if (namespace !== scratched) {
    scratchedBytes = writeNamespace(namespace);
    scratched = namespace;
  }
  if (name.length > NAME_CHARACTERS_MAX) return Buffer.concat([SCRATCH.subarray(0, scratchedBytes), Buffer.from(name)]);
  const length = scratchedBytes + SCRATCH.write(name, scratchedBytes, 'utf8');
  return (BEGINNINGS[length] ??= SCRATCH.subarray(0, length));
}

function writeNamespace(namespace: string): number {
  if (namespace.length !== UUID_CHARACTERS) return SCRATCH.write(namespace.replaceAll('-', ''), 0, 'hex');
  let length = 0;
  for (let i = 0; i < namespace.length; i += 2) {
    if (namespace.charCodeAt(i) === DASH) i++;
    SCRATCH[length++] = (digitAt(namespace, i) << 4) | digitAt(namespace, i + 1);
  }
  return length;
}

/** The value of the hexadecimal digit at `index`. */
function digitAt(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code > NINE ? (code | CASE_BIT) - LOWER_A + 10 : code - ZERO;
}

export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(text);
}
