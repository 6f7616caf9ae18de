import { randomUUID } from 'node:crypto';
import type { NewEvent } from '@weft/api';
import { mostOfOne, slowClock } from '@weft/testing/virtual-clock';
import { NO_EVENTS } from './append.rules.ts';
import { GroupCommit } from './group-commit.ts';
import type { LivePage } from './local-log.ts';

const event = (): NewEvent => ({ id: randomUUID(), type: 'Happened.v1', data: {}, metadata: {} as NewEvent['metadata'] });

describe('GroupCommit', () => {
  it('answers a large batch in slices, in order, publishes behind the answers, and commits the next batch meanwhile', async () => {
    const clock = slowClock();
    const happened: string[] = [];
    const turns: number[] = [];
    let batches = 0;
    const commits = new GroupCommit({
      clock,
      commit: async (take) => {
        const number = ++batches;
        happened.push(`committed ${number}`);
        for (const append of take()) append.outcome = { revision: 0n, position: 1n, repeated: false };
        return { after: 0, upTo: number, events: [] } as LivePage;
      },
      publish: ({ upTo }) => happened.push(`published ${upTo}`),
    });
    const send = (name: string) =>
      commits.push(name, NO_EVENTS, [event()]).then(() => {
        happened.push(name);
        turns.push(clock.turns());
      });
    const first = Array.from({ length: 200 }, (_, i) => send(`first ${i}`));
    await first[0];
    const second = Array.from({ length: 3 }, (_, i) => send(`second ${i}`));
    await Promise.all([...first, ...second]);
    await commits.close();
    const names = Array.from({ length: 200 }, (_, i) => `first ${i}`);
    expect(happened.filter((each) => each !== 'committed 2')).toEqual([
      'committed 1',
      ...names,
      'published 1',
      ...['second 0', 'second 1', 'second 2'],
      'published 2',
    ]);
    expect(happened.indexOf('committed 2')).toBeLessThan(happened.indexOf('first 199'));
    expect(mostOfOne(turns)).toBeLessThanOrEqual(4 * 16);
  });
});
