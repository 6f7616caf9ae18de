/** Who is told of which change, how often, and what is made for many at once. */
import type { Folded, ObjectKey, Position } from '@weft/api';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { type Held, KindView } from '../model/kind-view.ts';
import { Audience, type Concern, type News } from './audience.ts';

const NOBODY: Held = { size: 0, get: () => undefined, list: () => [] };
const RING = 8;

function given() {
  const clock = new VirtualClock();
  const view = new KindView(NOBODY, RING, 100n);
  const audience = new Audience(view, clock);
  let position = 100n;
  return {
    audience,
    /** Changes of objects, by namespace and name. */
    change: (...places: string[]) => {
      for (const place of places) {
        const [namespace, name] = place.split('/') as [string, string];
        const key: ObjectKey = { kind: 'Thing', ...(namespace !== '' && { namespace }), name };
        view.apply({ position: ++position, version: `${position}`, after: { key } as Folded });
      }
    },
    wait: (concern: Concern, cursor: Position = position) => {
      const news: News[] = [];
      return { news, stop: audience.wait(concern, cursor, (each) => news.push(each)) };
    },
    pass: (ms: number) => clock.advance(ms),
  };
}

describe('The audience of a kind', () => {
  it('is told of what concerns it, and of nothing else', async () => {
    const { wait, change, pass } = given();
    const readers = {
      all: wait({}),
      here: wait({ namespace: 'here' }),
      there: wait({ namespace: 'there' }),
      a: wait({ namespace: 'here', name: 'a' }),
      b: wait({ namespace: 'here', name: 'b' }),
      node: wait({ name: 'node' }),
    };
    const told = () => Object.entries(readers).flatMap(([who, { news }]) => (news.length > 0 ? [who] : []));
    change('here/a');
    await pass(100);
    expect(told()).toEqual(['all', 'here', 'a']);
    change('/node');
    await pass(100);
    expect(told()).toEqual(['all', 'here', 'a', 'node']);
    expect([readers.there.stop(), readers.b.stop(), readers.a.stop()]).toEqual([true, true, false]);
  });

  it('goes on where its first news stands, however much of others came before', async () => {
    const { wait, change, pass } = given();
    const here = wait({ namespace: 'here' });
    change(...Array(3 * RING).fill('there/x'), 'here/a', 'there/y');
    await pass(100);
    expect(here.news).toEqual([{ from: 100n + BigInt(3 * RING), end: 3 * RING + 2 }]);
  });

  it('is told at once of all that has come within a tick, and of the rest in the next one', async () => {
    const { wait, change, pass } = given();
    const first = wait({});
    change('here/a', 'here/b');
    await pass(0);
    expect(first.news).toEqual([{ from: 100n, end: 2 }]);
    // It has sent the first one only, or comes late.
    const behind = wait({}, 101n);
    expect(behind.news).toEqual([]);
    await pass(1);
    expect(behind.news).toEqual([{ from: 101n, end: 2 }]);
  });

  it('is told the rarer, the larger it is', async () => {
    const { wait, change, pass } = given();
    const round = () => Array.from({ length: 300 }, () => wait({}));
    round();
    change('here/a');
    await pass(0);
    const [reader] = round();
    change('here/b');
    await pass(29);
    expect(reader?.news).toEqual([]);
    await pass(1);
    expect(reader?.news).toHaveLength(1);
  });

  it('who stops waiting is told nothing more', async () => {
    const { wait, change, pass } = given();
    const early = wait({});
    expect(early.stop()).toBe(true);
    const late = wait({});
    change('here/a');
    expect(late.stop()).toBe(false);
    await pass(100);
    expect([early.news, late.news]).toEqual([[], []]);
  });

  it('shares what is made for one question from one change on, as long as it is kept', async () => {
    const { audience } = given();
    let made = 0;
    const answer = (question: string, from: number, bytes = 1) =>
      audience.answer(question, from, from + 1, async () => {
        made += 1;
        return { next: from + 1, position: 1n, version: '1', bytes: Buffer.alloc(bytes) };
      });
    const [one, same, other, next] = await Promise.all([answer('all', 1), answer('all', 1), answer('here', 1), answer('all', 2)]);
    expect(same).toBe(one);
    expect([made, other === one, next === one]).toEqual([3, false, false]);
    for (let from = 10; from < 1_000; from++) await answer('all', from);
    expect(await answer('all', 1)).toBe(one);
    for (let from = 0; from < 9; from++) await answer('large', from, 1_024 * 1_024);
    expect(await answer('all', 1)).not.toBe(one);
  });

  it('brings those who came out of step to ask the same again', async () => {
    const { audience } = given();
    const asked: string[] = [];
    const read = async (from: number) => {
      for (let next = from; next < 150; ) {
        const answer = await audience.answer('all', next, 150, async (end) => {
          asked.push(`${next} to ${end}`);
          return { next: end, position: 1n, version: '1', bytes: Buffer.alloc(1) };
        });
        next = answer?.next as number;
      }
    };
    for (const from of [3, 5, 70, 0]) await read(from);
    expect(asked).toEqual(['3 to 64', '64 to 128', '128 to 150', '5 to 64', '70 to 128', '0 to 64']);
  });

  it('makes again what could not be made', async () => {
    const { audience } = given();
    const answer = { next: 1, position: 1n, version: '1', bytes: Buffer.alloc(1) };
    await expect(audience.answer('all', 0, 1, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await audience.answer('all', 0, 1, async () => answer)).toBe(answer);
  });
});
