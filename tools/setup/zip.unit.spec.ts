import { deflateRawSync } from 'node:zlib';
import { readZipEntry } from './zip.mjs';

/** A zip archive as other programs write it: local headers with extra fields, a directory, an end record and a comment. */
function zipOf(files: Record<string, { text: string; packed: boolean }>): Buffer {
  const bodies: Buffer[] = [];
  const entries: Buffer[] = [];
  let at = 0;
  for (const [name, { text, packed }] of Object.entries(files)) {
    const content = packed ? deflateRawSync(text) : Buffer.from(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(4, 28);
    const body = Buffer.concat([local, Buffer.from(name), Buffer.from('xtra'), content]);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(packed ? 8 : 0, 10);
    entry.writeUInt32LE(content.length, 20);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(at, 42);
    entries.push(Buffer.concat([entry, Buffer.from(name)]));
    bodies.push(body);
    at += body.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(at, 16);
  end.writeUInt16LE(7, 20);
  return Buffer.concat([...bodies, ...entries, end, Buffer.from('comment')]);
}

describe('readZipEntry', () => {
  const archive = zipOf({ first: { text: 'stored', packed: false }, 'dir/second': { text: 'deflated '.repeat(50), packed: true } });

  it('reads stored and deflated files', () => {
    expect(readZipEntry(archive, 'first').toString()).toBe('stored');
    expect(readZipEntry(archive, 'dir/second').toString()).toBe('deflated '.repeat(50));
  });

  it('names the file that is not there', () => {
    expect(() => readZipEntry(archive, 'third')).toThrow('no third in the zip archive');
  });

  it('rejects what is not a zip archive', () => {
    expect(() => readZipEntry(Buffer.from('no archive at all, but long enough'), 'first')).toThrow('not a zip archive');
  });
});
