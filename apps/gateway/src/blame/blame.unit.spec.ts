/** What blame finds is what trying every position finds, in random histories of all kinds. */
import { createFold, factsOf, type JsonObject } from '@weft/api';
import { RowsOnDemand, TableRows } from '@weft/fabric';
import { below, randomOf, type World, WorldFabric } from '@weft/testing';
import { historyOf, questionsOf } from '../testing/packet-histories.ts';
import { pastOfWorld } from '../testing/past-of-world.ts';
import { type Answer, answerOf, sameAnswer } from '../trace/answer.ts';
import { toldTrace, traced } from '../trace/trace.ts';
import type { TraceRequest } from '../trace/trace-request.ts';
import { blame } from './blame.ts';

/** `HISTORIES=1000` for more, from `SEED` on: then fewer are asked about each. */
const HISTORIES = Number(process.env['HISTORIES'] ?? 2);
const FIRST = Number(process.env['SEED'] ?? 1);
const QUESTIONS = HISTORIES > 20 ? 3 : 10;

/** The answer at every position of the log, by rows of everything. */
function everyAnswer(world: World, questions: readonly TraceRequest[]) {
  const fold = createFold(world.registry);
  const fabric = new WorldFabric({ registry: world.registry, fold });
  const facts = factsOf(fold);
  const ask = () => {
    const rows = new TableRows(fabric.tables);
    return questions.map((question) => answerOf(question, rows, facts));
  };
  let last = ask();
  const changes: { position: string; is: Answer; before: Answer }[][] = questions.map(() => []);
  for (const append of world.appends) {
    fabric.onChange(fold.apply(append));
    const now = ask();
    for (const [i, is] of now.entries()) {
      const before = last[i] as Answer;
      if (!sameAnswer(before, is)) changes[i]?.unshift({ position: append.position.toString(), is, before });
    }
    last = now;
  }
  return { last, changes };
}

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + FIRST))('In random history %i, blame', (seed) => {
  const world = historyOf(seed);
  const questions = questionsOf(seed, QUESTIONS);
  const past = pastOfWorld(world);

  it('finds the changes of an answer that trying every position finds, and asks at few of them', async () => {
    const { last, changes } = everyAnswer(world, questions);
    let asked = 0;
    for (const [i, question] of questions.entries()) {
      const found = await blame(past(), world.position, question, { limit: 1_000 });
      asked += found.asked;
      const short = found.changes.map(({ position, before, verdict, reason, detail, to }) => ({
        position,
        is: { verdict, ...(reason !== undefined && { reason }), ...(detail !== undefined && { detail }), to },
        before,
      }));
      expect([question, found.now, short]).toEqual([question, last[i], changes[i]]);
    }
    expect(asked).toBeLessThan((questions.length * world.appends.length) / 3);
  });

  it('and a trace at a position say what the whole log up to there says', async () => {
    const random = randomOf(seed);
    for (const question of questions) {
      const at = world.appends[below(random, world.appends.length)]?.position ?? 0n;
      const then = createFold(world.registry);
      for (const append of world.appends) if (append.position <= at) then.apply(append);
      const whole = new RowsOnDemand(world.registry, then);
      whole.settle();
      const of = async (ask: () => Promise<unknown>) => {
        try {
          return await ask();
        } catch (error) {
          return (error as Error).message;
        }
      };
      const told = (found: ReturnType<typeof traced>) =>
        toldTrace({ registry: world.registry, store: { readAll: noEvents } }, question, { ...found, position: at });
      const expected = await of(() => told(traced(whole, factsOf(then), question)).then(asJson));
      expect(await of(async () => asJson(await told(await past(at).answer((rows, facts) => traced(rows, facts, question)))))).toEqual(
        expected,
      );
    }
  });
});

const noEvents = async function* () {} as never;
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as JsonObject;
