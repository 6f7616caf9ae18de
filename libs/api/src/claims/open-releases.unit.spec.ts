import { Type } from '@sinclair/typebox';
import { randomOf, specForReservation, WrittenLog } from '@weft/testing';
import fc from 'fast-check';
import { defineReservation } from '../kind/define-kind.ts';
import type { Claim, DomainModule, Draft, Fact, ReservationModule } from '../kind/kind.ts';
import { type DataOf, defineEvents } from '../log/event-set.ts';
import { testDomain } from '../testing/test-kind.ts';
import { openReleases, releaseRequestOf, releasesOf } from './open-releases.ts';

const THING = 'Thing-ns.a';
const POOL = 'Pool-.p';
const pool = (category: string, context: ReservationModule['context']): ReservationModule => ({
  category,
  context,
  partitionKey: (stream) => stream,
  initial: () => undefined,
  decide: () => ({ outcome: 'accepted', facts: [] }),
  evolve: (state) => state,
});
const domains: readonly DomainModule[] = [
  testDomain,
  { context: 'ipam', kinds: [], reservations: [pool('Pool', 'ipam'), pool('Store', 'lb')] },
];
const R1 = 'aaaaaaaa-0000-4000-8000-000000000001';
const R2 = 'aaaaaaaa-0000-4000-8000-000000000002';

const release = (what: string, stream = POOL): Claim => ({ stream, command: { type: 'Release', what } });
const changed: Fact = { type: 'LabelsChanged.v1', data: { labels: {} } };
const returned: Fact = { type: 'Returned.v1', data: {} };
const owes = (what: string, at: number, requestId: string, stream = POOL): Draft => ({
  target: 'reservation',
  stream,
  command: { type: 'Release', what, at: String(at), settles: true },
  requestId,
});

describe('What an append gives back', () => {
  const given = (...releases: readonly Claim[]) => {
    const log = new WrittenLog(domains);
    log.write(THING, [changed, changed], { requestId: R1, releases });
    return log;
  };
  const owed = (log: WrittenLog) => log.owed('give-back-ipam');

  it('is sent after a second, with the position of the append, when its writer did not', () => {
    const log = given(release('x'));
    expect(owed(log.passSeconds(0.999))).toEqual([]);
    expect(owed(log.passSeconds(0.001))).toEqual([owes('x', 11, releaseRequestOf(R1))]);
    expect(owed(log.passSeconds(3_600))).toHaveLength(1);
  });

  it('is settled by any append to that stream under the request id of the release', () => {
    const log = given(release('x'));
    log.write(POOL, [returned], { requestId: releaseRequestOf(R1) });
    expect(owed(log.passSeconds(60))).toEqual([]);
    expect(log.fold.records(openReleases.ledger).size).toBe(0);
  });

  it('is not settled by what went before, by another request or by another stream', () => {
    const log = new WrittenLog(domains);
    log.write(POOL, [returned], { requestId: releaseRequestOf(R1) });
    log.write(THING, [changed], { requestId: R1, releases: [release('x')] });
    for (const requestId of [R1, releaseRequestOf(R2)]) log.write(POOL, [returned], { requestId });
    log.write('Pool-.q', [returned], { requestId: releaseRequestOf(R1) });
    log.write('Thing-ns.b', [changed], { requestId: releaseRequestOf(R1) });
    expect(owed(log.passSeconds(60))).toEqual([owes('x', 20, releaseRequestOf(R1))]);
  });

  it('is sent and settled release by release, also when several go to one stream', () => {
    const log = given(release('x'), release('y'), release('z', 'Pool-.q'));
    const all = [
      owes('x', 11, releaseRequestOf(R1)),
      owes('y', 11, releaseRequestOf(R1, 1)),
      owes('z', 11, releaseRequestOf(R1), 'Pool-.q'),
    ];
    expect(owed(log.passSeconds(60))).toEqual(all);
    log.write(POOL, [returned], { requestId: releaseRequestOf(R1) });
    expect(owed(log)).toEqual(all.slice(1));
    log.write(POOL, [returned], { requestId: releaseRequestOf(R1, 1) });
    expect(owed(log)).toEqual(all.slice(2));
  });

  it('is sent under the same request id as by its writer, and must leave an event in the log', () => {
    const sent = releasesOf([release('x'), release('y')], R1, 11n);
    const log = given(release('x'), release('y'));
    const settling = sent.map(({ command, ...more }) => ({ target: 'reservation', ...more, command: { ...command, settles: true } }));
    expect(owed(log.passSeconds(60))).toEqual(settling);
  });

  it('is settled when nothing was found to release', () => {
    const log = given(release('x'));
    log.write(POOL, [{ type: 'NothingReleased.v1', data: {} }], { requestId: releaseRequestOf(R1) });
    expect(owed(log.passSeconds(60))).toEqual([]);
  });

  it('is sent by the context of the reservation stream alone', () => {
    const log = given(release('x', 'Store-.s'));
    expect(owed(log.passSeconds(60))).toEqual([]);
    expect(log.owed('give-back-lb')).toEqual([owes('x', 11, releaseRequestOf(R1), 'Store-.s')]);
  });

  it('is owed for no append of an older version, also when it gives up claims', () => {
    const log = given();
    log.write(THING, [changed], { requestId: R2 });
    log.write(THING, [{ type: 'ClaimAbandoned.v1', data: { requestId: R2, releases: [release('x')] } }]);
    expect(owed(log.passSeconds(60))).toEqual([]);
  });
});

describe('A release that must leave an event in the log', () => {
  const events = defineEvents({ 'Taken.v1': Type.Object({}), 'Returned.v1': Type.Object({}) });
  const seat = defineReservation<{ state: { taken: boolean }; commands: { Return: { at?: string } }; events: DataOf<typeof events> }>({
    category: 'Seat',
    context: 'ipam',
    partitionKey: (stream) => stream,
    initial: () => ({ taken: false }),
    events,
    commands: { Return: Type.Object({ at: Type.Optional(Type.String()) }) },
    decide: { Return: (_fields, { taken }) => ({ outcome: 'accepted', facts: taken ? [{ type: 'Returned.v1', data: {} }] : [] }) },
    evolve: {
      'Taken.v1': (state) => {
        state.taken = true;
      },
      'Returned.v1': (state) => {
        state.taken = false;
      },
    },
  });
  const spec = specForReservation(seat, 'Seat-.a');
  const taken: Fact = { type: 'Taken.v1', data: {} };
  const nothing: Fact = { type: 'NothingReleased.v1', data: {} };

  it('writes what it released, or that there was nothing', () => {
    spec(taken).when({ type: 'Return', settles: true }).thenFacts(returned);
    spec().when({ type: 'Return', settles: true }).thenFacts(nothing);
    spec().when({ type: 'Return' }).thenNothing();
    spec().when({ type: 'Return', settles: true, at: 7 }).thenRejected(400);
  });

  it('changes no state when there was nothing', () => {
    spec(taken, nothing).when({ type: 'Return' }).thenFacts(returned);
  });
});

/** The model: a release is open when an append named it and no append to its stream under its request id came after. */
type Step = Readonly<{ stream: string; requestId: string; releases?: readonly Claim[] }>;
function openIn(steps: readonly Step[]): readonly string[] {
  const open = new Set<string>();
  steps.forEach(({ requestId, releases = [] }, at) => {
    for (const { stream } of releases) {
      const nth = [...releases].filter((each) => each.stream === stream).length;
      for (let i = 0; i < nth; i++) {
        const settles = (step: Step) => step.stream === stream && step.requestId === releaseRequestOf(requestId, i);
        if (!steps.slice(at + 1).some(settles)) open.add(`${stream} ${releaseRequestOf(requestId, i)}`);
      }
    }
  });
  return [...open].sort();
}

describe('Open releases on random histories', () => {
  it('are those of the model', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed);
        const one = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
        const log = new WrittenLog(domains);
        const steps: Step[] = [];
        for (let i = 0; i < 40; i++) {
          const request = one(R1, R2);
          const stream = one(POOL, 'Pool-.q');
          const step: Step = one(
            { stream: one(THING, 'Thing-ns.b'), requestId: request, releases: [release(`w${i}`, stream)] },
            { stream: THING, requestId: request, releases: [release(`w${i}`, stream), release(`v${i}`), release(`u${i}`)] },
            { stream: THING, requestId: request },
            { stream, requestId: releaseRequestOf(request, one(0, 0, 1, 2)) },
            { stream, requestId: request },
          );
          steps.push(step);
          const { requestId, releases } = step;
          log.write(step.stream, [step.stream.startsWith('Thing') ? changed : returned], { requestId, ...(releases && { releases }) });
          expect([...log.fold.records(openReleases.ledger).keys()].sort()).toEqual(openIn(steps));
        }
      }),
      { numRuns: 60 },
    );
  });
});
