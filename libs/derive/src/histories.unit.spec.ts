import fc from 'fast-check';
import type { Notes, Read } from './read.ts';
import { FromScratch } from './testing/from-scratch.ts';
import { CAUSES_MAX, change, type SmallWorld, type Step, smallWorld, type Watching } from './testing/small-world.ts';

const small = fc.integer({ min: 0, max: 63 });
const step: fc.Arbitrary<Step> = fc.tuple(fc.integer({ min: 0, max: 8 }), small, small);
/** Changes, each with two small numbers that decide what the test does after it: settle, audit, take or hold keys. */
const history = fc.array(fc.tuple(step, fc.integer({ min: 0, max: 3 }), small), { minLength: 1, maxLength: 60 });

describe('Random histories', () => {
  it('derive at each step what a derivation from scratch gives, and an audit agrees', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = smallWorld();
        steps.forEach(([each, rhythm], i) => {
          play(world, each, i);
          if (rhythm === 0) return;
          world.engine.settle();
          expect(differences(world)).toEqual([]);
          if (rhythm === 3) expect(world.engine.audit()).toEqual([]);
        });
        finish(world);
        expect(differences(world)).toEqual([]);
        expect(world.engine.audit()).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('end the same in whatever order keys of the lazy collection are taken and held', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = smallWorld();
        const { owed } = world;
        steps.forEach(([each, how, which], i) => {
          const key = `port${'s'.repeat(which % 2)}${which % 5}`;
          play(world, each, i);
          if (how === 1) owed.take({ limit: which % 4 });
          if (how === 2) owed.hold(key);
          if (how === 3) owed.release(key);
          if (which === 7) owed.again(key);
          expect(owed.pending).toBeLessThanOrEqual(10); // The number of keys.
        });
        for (let n = 0; n < 5; n++) for (const s of ['', 's']) owed.release(`port${s}${n}`);
        do owed.take({ limit: 3 });
        while (owed.pending > 0);
        expect(differences(world, true)).toEqual([]);
        expect(world.engine.audit()).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('ask only keys for which a read gives another answer', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const answers = new Answers();
        const world = smallWorld({}, answers.watching);
        steps.forEach((each, i) => {
          play(world, each, i);
          answers.asked.clear();
          for (const at of answers.known.keys()) if (!present(world, at)) answers.known.delete(at);
          const before = new Map(answers.known);
          world.engine.settle();
          const asked = [...answers.asked]; // A copy, since the oracle asks as well.
          const now = new FromScratch(world.engine, CAUSES_MAX).reader();
          for (const at of asked) {
            const old = before.get(at);
            if (old !== undefined) expect([at, old.every((ask) => ask.answer === ask.again(now))]).toEqual([at, false]);
          }
        });
      }),
      { numRuns: 100 },
    );
  });

  it('leave no node behind once all values are gone', () => {
    const world = smallWorld();
    const random = numbers(7);
    for (let i = 0; i < 300; i++) {
      play(world, [random(), random(), random()], i);
      if (i % 3 === 0) world.engine.settle();
    }
    for (const table of [world.hostTable, world.portTable]) for (const key of [...table.keys()]) table.delete(key);
    finish(world);
    const { sources, derived } = world.engine.describe();
    expect(
      [...sources, ...derived].map(({ name, size, nodes }) => [name, size, nodes]).filter(([, size, nodes]) => size !== 0 || nodes !== 0),
    ).toEqual([]);
    expect(world.engine.nextTimeMs).toBeUndefined();
    const [before, after] = [1n, 2n].map((at) => ({ number: 0, zone: '', held: {}, reports: 0, at: { number: at } }));
    for (const { facetsInUse } of world.hosts.indexes) expect(facetsInUse.mayDiffer(world.hosts, before, after, undefined)).toBe(false);
  });
});

describe('A forgotten note', () => {
  const kinds = ['get', 'see', 'rows', 'seeAll', 'keys', 'any', 'first', 'reached', 'passed'] as const;

  it.each(kinds)('of `%s` is found, by an audit and by derivation from scratch', (kind) => {
    const found = { audit: false, value: false, scratch: false };
    for (let seed = 1; seed <= 30 && !(found.value && found.scratch && found.audit); seed++) {
      const world = smallWorld({ notes: (own) => forgetful(own, kind) });
      const random = numbers(seed);
      for (let i = 0; i < 60; i++) {
        play(world, [random(), random(), random()], i);
        world.engine.settle();
        const findings = world.engine.audit();
        found.audit ||= findings.some(({ what }) => what === 'reads');
        found.value ||= findings.some(({ what }) => what === 'value');
        found.scratch ||= differences(world).length > 0;
      }
    }
    expect(found).toEqual({ audit: true, value: true, scratch: true });
  });
});

function play(world: SmallWorld, each: Step, i: number): void {
  const position = BigInt(i + 1);
  change(world, each, position);
  world.engine.advanceTo(position);
}

function finish(world: SmallWorld): void {
  world.engine.settle();
  while (world.owed.pending > 0) world.owed.take({});
}

function differences({ engine, owed }: SmallWorld, withLazy = false): string[] {
  const scratch = new FromScratch(engine, CAUSES_MAX);
  const different: string[] = [];
  for (const of of engine.derived) {
    if (of === owed && !withLazy) continue;
    const wanted = scratch.values(of);
    for (const key of new Set([...wanted.keys(), ...of.keys()])) {
      const [held, want] = [text(of.get(key)), text(wanted.get(key))];
      if (held !== want) different.push(`${of.name} ${key}: ${held} instead of ${want}`);
    }
    if (of.size !== wanted.size) different.push(`${of.name} has size ${of.size} instead of ${wanted.size}`);
  }
  return different;
}

function present({ engine }: SmallWorld, at: string): boolean {
  const [name, key = ''] = at.split(' ');
  return engine.derived.find((each) => each.name === name)?.isAsked(key) ?? false;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}` : each)) ?? 'absent';
}

function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) & 63;
  };
}

const forgetful = (own: Notes, kind: keyof Notes): Notes =>
  new Proxy(own, {
    get: (target, name: keyof Notes) => (name === kind ? () => {} : target[name].bind(target)),
  });

type Ask = { answer: string; again: (read: Read) => string };

/** Records the reads of each evaluation with their answers. An evaluation that reads causes is left out: it may be asked again because of these. */
class Answers {
  readonly known = new Map<string, Ask[]>();
  readonly asked = new Set<string>();

  readonly watching: Watching = (collection, key, read) => {
    const at = `${collection} ${key}`;
    const asks: Ask[] = [];
    this.known.set(at, asks);
    this.asked.add(at);
    return new Proxy(read, {
      get: (target, name: keyof Read) => {
        const ask = (reader: Read) => (reader[name] as (...args: unknown[]) => unknown).bind(reader);
        return (...args: unknown[]) => {
          if (name === 'causes') this.asked.delete(at);
          const answer = ask(target)(...args);
          const again = (reader: Read) => settled(ask(reader)(...args));
          const listed = isIterable(answer) ? [...answer] : answer;
          asks.push({ answer: settled(listed), again });
          return listed;
        };
      },
    });
  };
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** The answer in a fixed order, since members come in none. */
function settled(answer: unknown): string {
  return isIterable(answer) ? [...answer].map(text).sort().join() : text(answer);
}
