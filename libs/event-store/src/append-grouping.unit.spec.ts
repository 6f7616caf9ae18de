import { appendOf, type RecordedEvent } from '@weft/api';
import fc from 'fast-check';
import { AppendGrouping, appendPages, beginningOf, eventsBefore } from './append-grouping.ts';
import { all, severalAppends } from './testing/fixtures.ts';

const recordedIn = (stream: string, sizes: readonly number[], position = 1): RecordedEvent[] =>
  severalAppends(...sizes).map((event, i) => ({
    ...event,
    // One command, one request.
    metadata: { ...event.metadata, requestId: `${stream} ${i - event.metadata.append.index}` },
    stream,
    revision: BigInt(i),
    position: BigInt(position + i),
  }));
const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 });

async function* pagesOf(events: readonly RecordedEvent[], cuts: readonly number[]): AsyncGenerator<readonly RecordedEvent[]> {
  let from = 0;
  for (const cut of [...new Set(cuts), events.length].sort((a, b) => a - b)) {
    if (cut > from && cut <= events.length) yield events.slice(from, cut);
    from = Math.max(from, Math.min(cut, events.length));
  }
}

describe('The grouping of events into appends', () => {
  it('gives whole appends, wherever pages, the first position and the end of a read cut them', async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(60)), fc.nat(60), fc.nat(60), async (wanted, cuts, start, length) => {
        const events = recordedIn('A-x', wanted);
        const from = start % events.length;
        const page = events.slice(from, from + 1 + (length % (events.length - from)));
        const readStream = async function* (_: string, { from = 0n, limit = 0 }: { from?: bigint; limit?: number } = {}) {
          yield* events.slice(Number(from), Number(from) + limit);
        };
        const ends = wanted.map((_, i) => wanted.slice(0, i + 1).reduce((sum, each) => sum + each, 0));
        const touched = wanted.filter((size, i) => (ends[i] as number) > from && (ends[i] as number) - size < from + page.length);
        const appends = (await all(appendPages(pagesOf(page, cuts), readStream as never))).flat();
        expect(appends.map((append) => append.events.length)).toEqual(touched);
        const first = (ends.find((end) => end > from) as number) - (touched[0] as number);
        expect(appends.flatMap((append) => append.events)).toEqual(
          events.slice(first, first + touched.reduce((sum, each) => sum + each, 0)),
        );
      }),
    );
  });

  it('lets events stand alone that have none of our metadata, wherever they come', () => {
    const [ours, theirs] = [recordedIn('A-x', [2, 3]), recordedIn('B-x', [1, 1, 1])];
    const bare = theirs.map((event, i) => ({ ...event, metadata: [{}, undefined, '']?.[i] }) as unknown as RecordedEvent);
    const grouping = new AppendGrouping();
    const appends = grouping.add([bare[0], ...ours.slice(0, 2), bare[1], ...ours.slice(2), bare[2]] as RecordedEvent[]);
    expect(appends.map(({ stream, events }) => [stream, events.length])).toEqual([
      ['B-x', 1],
      ['A-x', 2],
      ['B-x', 1],
      ['A-x', 3],
      ['B-x', 1],
    ]);
    expect(bare.map(eventsBefore)).toEqual([0, 0, 0]);
  });

  it('takes no event of another command, stream or place for the rest of an append', () => {
    const [first, second] = recordedIn('A-x', [2]) as [RecordedEvent, RecordedEvent];
    const others = [
      { ...second, stream: 'B-x' },
      { ...second, revision: 2n },
      { ...second, metadata: { ...second.metadata, requestId: 'another' } },
      { ...second, metadata: { ...second.metadata, append: { index: 1, count: 3 } } },
      { ...second, metadata: { ...second.metadata, append: { index: 0, count: 1 } } },
    ];
    for (const other of others) {
      const grouping = new AppendGrouping();
      expect(grouping.add([first, other])[0]).toEqual(appendOf([first]));
      expect(beginningOf(other, [first])).toEqual([]);
    }
    expect(beginningOf(second, [first])).toEqual([first]);
    expect(beginningOf(second, [])).toEqual([]);
  });
});
