import { crc32 } from 'node:zlib';
import type { RecordedEvent } from '@weft/api';
import { Packr } from 'msgpackr';
import { blockHead, decodeBlock, encodeBlock, isIntact } from './block.codec.ts';

const REQUEST = '4b6f0f6c-3f2e-4d9e-8f5a-0d7c1f9a2b11';
const metadata: RecordedEvent['metadata'] = {
  actor: { user: 'alice', groups: ['admins'], verified: true },
  requestId: REQUEST,
  $correlationId: REQUEST,
  $causationId: 'cause',
  time: '2026-11-28T00:00:00.000Z',
  append: { index: 0, count: 2 },
};
const base: RecordedEvent = {
  id: 'id-1',
  type: 'NetworkCreated.v1',
  stream: 'Network-default.a',
  revision: 0n,
  position: 7n,
  data: { spec: {} },
  metadata,
};

function events(): readonly RecordedEvent[] {
  const command = { verb: 'create' } as const;
  const long = { verb: 'patch', patchType: 'merge', patch: { note: 'x'.repeat(500) } } as const;
  const onBehalfOf = { user: 'bob', verified: false };
  return [
    { ...base, metadata: { ...metadata, uid: 'u', command } },
    { ...base, position: 8n, revision: 1n, metadata: { ...metadata, append: { index: 1, count: 2 } } },
    { ...base, position: 9n, revision: 2n, metadata: { ...metadata, command: long, onBehalfOf, append: { index: 0, count: 900 } } },
    { ...base, position: 10n, revision: 3n, metadata: { ...metadata, command, onBehalfOf, traceparent: 'trace' } },
  ];
}

describe('blocks of events on disk', () => {
  it('given events with and without what metadata may hold, then they are read as they were written', () => {
    const block = encodeBlock(7, 1, events());
    expect(isIntact(block)).toBe(true);
    expect(decodeBlock(block)).toEqual(events());
  });

  it('given many events of one actor, then they share it, and nobody can change it', () => {
    const [a, b] = decodeBlock(encodeBlock(7, 1, events())) as [RecordedEvent, RecordedEvent];
    expect(a.metadata.actor).toBe(b.metadata.actor);
    expect(Object.isFrozen(a.metadata.actor)).toBe(true);
  });

  it('given a block of version 1, which kept command and onBehalfOf among the rest, then it is read alike', () => {
    const [first] = events() as [RecordedEvent];
    const { uid, command, actor, time } = first.metadata;
    const onBehalfOf = { user: 'bob', verified: false };
    const row = [first.id, first.type, first.stream, 0, time, 0, 2, REQUEST, 0, 'cause', actor, uid, { command, onBehalfOf }, first.data];
    const body = new Packr({ useRecords: true }).pack([row]);
    const block = Buffer.concat([Buffer.alloc(22), body]);
    block.set([0x57, 1]);
    block.writeUInt16BE(1, 2);
    block.writeUIntBE(7, 4, 6);
    block.writeUInt32BE(crc32(block.subarray(22), crc32(block.subarray(0, 18))), 18);
    expect(isIntact(block)).toBe(true);
    expect(decodeBlock(block)).toEqual([{ ...first, metadata: { ...first.metadata, onBehalfOf } }]);
  });

  it('given a version that is newer than this code, then it is no block', () => {
    const block = encodeBlock(7, 1, events());
    block[1] = 3;
    expect(blockHead(block)).toBeUndefined();
  });
});
