import { v4 } from 'uuid';
import type { EventMetadata, RecordedEvent } from './envelope.ts';
import { meansVersion, positionOfVersion, resourceVersionOf } from './resource-version.ts';

const at = (position: bigint, id: string = v4(), time = '2026-01-01T00:00:00.000Z') =>
  resourceVersionOf({ position, id, metadata: { time } as EventMetadata });

describe('A resourceVersion', () => {
  it('holds its position, also one that is too large for a double', () => {
    for (const position of [1n, 99n, 2n ** 63n]) {
      const version = at(position);
      expect(version).toMatch(/^[1-9]\d+$/);
      expect(positionOfVersion(version)).toBe(position);
    }
    for (const other of ['', '0', '12345678', '012345678', 'abc123456789']) expect(positionOfVersion(other)).toBeUndefined();
  });

  it('is larger than that of any earlier position, as clients compare them', () => {
    for (let position = 1n; position < 2_000n; position++) expect(BigInt(at(position + 1n))).toBeGreaterThan(BigInt(at(position)));
  });

  it('differs between events at one position, by their ids or by their times', () => {
    const id = v4();
    expect(at(7n, id)).toBe(at(7n, id));
    expect(new Set(Array.from({ length: 1_000 }, () => at(7n))).size).toBeGreaterThan(990);
    const moments = Array.from({ length: 1_000 }, (_, ms) => at(7n, id, new Date(1_800_000_000_000 + ms).toISOString()));
    expect(new Set(moments).size).toBeGreaterThan(990);
  });

  it('is there of an event that somebody else wrote', () => {
    for (const metadata of [undefined, { time: 7 }, 'text']) {
      const foreign = { position: 7n, id: v4(), metadata } as unknown as RecordedEvent;
      expect(positionOfVersion(resourceVersionOf(foreign))).toBe(7n);
    }
  });

  it('is meant by itself and, from older versions, by its position alone', () => {
    const version = at(41n);
    expect([version, '41', '4', '410', at(41n), `${version}0`].map((given) => meansVersion(given, version))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
