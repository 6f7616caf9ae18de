import { randomOf, WrittenLog } from '@weft/testing';
import fc from 'fast-check';
import type { Claim, DomainModule, Draft, Fact, ReservationModule } from '../kind/kind.ts';
import type { ObjectKey } from '../kind/object.ts';
import { testDomain, testKind } from '../testing/test-kind.ts';
import { openClaims } from './open-claims.ts';

const A: ObjectKey = { kind: 'Thing', namespace: 'ns', name: 'a' };
const STREAM = 'Thing-ns.a';
const POOL = 'Pool-.p';

/** A pool of claims for things: the event `Granted {thing, what}` grants one, other events grant nothing. */
const pool: ReservationModule = {
  category: 'Pool',
  context: 'ipam',
  partitionKey: (stream) => stream,
  initial: () => undefined,
  decide: () => ({ outcome: 'accepted', facts: [] }),
  evolve: (state) => state,
  granted: (stream, { type, data }) =>
    type === 'Granted.v1'
      ? { object: { kind: 'Thing', namespace: 'ns', name: data['thing'] as string }, release: releaseOf(data['what'] as string, stream) }
      : undefined,
};
const releaseOf = (what: string, stream = POOL): Claim => ({ stream, command: { type: 'Release', what } });
/** A kind with an event type that nothing else knows. */
const inventive: DomainModule = {
  ...testDomain,
  kinds: [{ ...testKind, evolve: { ...testKind.evolve, 'ThingInvented.v1': (state) => state } }],
};
const domains: readonly DomainModule[] = [inventive, { context: 'ipam', kinds: [], reservations: [pool] }];

const granted = (what: string, thing = 'a'): Fact => ({ type: 'Granted.v1', data: { thing, what } });
const born: Fact = { type: 'ThingCreated.v1', data: { metadata: { name: 'a', uid: 'u', creationTimestamp: '' }, spec: {} } };
const abandon = (requestId: string, ...what: readonly string[]): Draft => ({
  target: 'object',
  key: A,
  action: 'AbandonClaims',
  payload: { requestId, releases: what.map((each) => ({ ...releaseOf(each) })) },
});

describe('A claim whose object', () => {
  const given = () => {
    const log = new WrittenLog(domains);
    log.write(POOL, [granted('x')], { requestId: 'r1' });
    return log;
  };
  const owed = (log: WrittenLog) => log.owed('abandon-claims-network');

  it('was never appended is given up after fifteen seconds, and is owed until that is in the log', () => {
    const log = given();
    expect(owed(log.passSeconds(14.999))).toEqual([]);
    expect(owed(log.passSeconds(0.001))).toEqual([abandon('r1', 'x')]);
    expect(owed(log.passSeconds(3_600))).toEqual([abandon('r1', 'x')]);
    log.write(STREAM, [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r1', releases: [] } }], { requestId: 'sweep' });
    expect(owed(log)).toEqual([]);
    expect(log.fold.records(openClaims.ledger).size).toBe(0);
  });

  it('was appended is left alone', () => {
    const log = given();
    log.write(STREAM, [born], { requestId: 'r1' });
    expect(owed(log.passSeconds(60))).toEqual([]);
  });

  it.each<[string, Fact]>([
    ['an event of an invented type', { type: 'ThingInvented.v1', data: {} }],
    ['an event that every kind has', { type: 'LabelsChanged.v1', data: { labels: {} } }],
  ])('got %s under that request is not touched: what is claimed may be in use', (_what, fact) => {
    const log = new WrittenLog(domains);
    log.write(STREAM, [born]);
    log.write(POOL, [granted('x')], { requestId: 'r1' });
    log.write(STREAM, [fact], { requestId: 'r1' });
    expect(owed(log.passSeconds(60))).toEqual([]);
  });

  it('is not settled by another request, nor by the request on another object, nor by other events of the pool', () => {
    const log = given();
    log.write(STREAM, [born], { requestId: 'r2' });
    log.write('Thing-ns.b', [born], { requestId: 'r1' });
    log.write(POOL, [{ type: 'Returned.v1', data: {} }], { requestId: 'r1' });
    log.write(STREAM, [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r3', releases: [] } }], { requestId: 'sweep' });
    expect(owed(log.passSeconds(60))).toEqual([abandon('r1', 'x')]);
  });

  it('stays open when its request made another one on the same stream, until it is in the log which of them are given back', () => {
    const log = given();
    log.write(POOL, [granted('y')], { requestId: 'r1' });
    log.write('Pool-.q', [granted('z')], { requestId: 'r1' });
    log.write(STREAM, [born], { requestId: 'r1' });
    expect(owed(log.passSeconds(60))).toEqual([abandon('r1', 'x', 'y')]);
    log.write(STREAM, [{ type: 'ClaimAbandoned.v1', data: { requestId: 'r1', releases: [] } }], { requestId: 'sweep' });
    expect(owed(log)).toEqual([]);
  });

  it('counts once when it was made twice', () => {
    const log = given();
    log.write(POOL, [granted('x')], { requestId: 'r1' });
    expect(owed(log.passSeconds(60))).toEqual([abandon('r1', 'x')]);
    log.write(STREAM, [born], { requestId: 'r1' });
    expect(owed(log)).toEqual([]);
  });

  it('is given up with all others of its request, after the time since the first of them', () => {
    const log = given();
    log.passSeconds(10).write(POOL, [granted('y'), granted('z', 'b')], { requestId: 'r1' });
    expect(owed(log.passSeconds(5))).toEqual([abandon('r1', 'x', 'y')]);
  });

  it('is given up by the context of the object’s kind alone', () => {
    const log = given();
    expect(log.registry.loops('ipam').map(({ name }) => name)).toEqual(['give-back-ipam']);
    expect(owed(log.passSeconds(60))).toHaveLength(1);
    const elsewhere = new WrittenLog([
      ...domains,
      {
        context: 'lb',
        kinds: [{ ...testDomain.kinds[0]!, kind: 'Other', plural: 'others', context: 'lb' }],
        reservations: [],
      },
    ]);
    elsewhere.write(POOL, [granted('x')], { requestId: 'r1' });
    expect(elsewhere.passSeconds(60).owed('abandon-claims-lb')).toEqual([]);
  });
});

/**
 * The model: a request on an object is open when a grant was not followed by an append to the object, nor given up. Of claims that were several on one
 * stream, the append leaves all open.
 */
type Step = Readonly<{ stream: string; requestId: string; fact: Fact }>;
function openIn(steps: readonly Step[]): ReadonlyMap<string, readonly string[]> {
  const open = new Map<string, readonly Readonly<{ from: string; what: string }>[]>();
  for (const { stream, requestId, fact } of steps) {
    const { thing, what, requestId: abandoned } = fact.data as Readonly<Record<string, string>>;
    const key = fact.type === 'Granted.v1' ? `Thing-ns.${thing} ${requestId}` : `${stream} ${abandoned ?? requestId}`;
    const before = open.get(key) ?? [];
    const several = before.filter(({ from }) => before.filter((other) => other.from === from).length > 1);
    if (fact.type === 'Granted.v1') open.set(key, [...before, { from: stream, what: what ?? '' }]);
    else if (fact.type === 'ClaimAbandoned.v1') open.delete(key);
    else if (!stream.startsWith('Pool')) open.set(key, several);
  }
  return new Map(
    [...open]
      .filter(([, claims]) => claims.length > 0)
      .map(([key, claims]) => [key, claims.map(({ what }) => what)] as const)
      .sort(([one], [two]) => (one < two ? -1 : 1)),
  );
}

describe('Open claims on random histories', () => {
  it('are those of the model', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = randomOf(seed);
        const one = <T>(...of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
        const log = new WrittenLog(domains);
        const steps: Step[] = [];
        for (let i = 0; i < 40; i++) {
          const requestId = one('r1', 'r2', 'r3');
          const thing = one('a', 'b');
          const step: Step = one(
            { stream: POOL, requestId, fact: granted(`w${i}`, thing) },
            { stream: 'Pool-.q', requestId, fact: granted(`w${i}`, thing) },
            { stream: POOL, requestId, fact: { type: 'Returned.v1', data: {} } },
            { stream: `Thing-ns.${thing}`, requestId, fact: { type: 'LabelsChanged.v1', data: { labels: {} } } },
            { stream: `Thing-ns.${thing}`, requestId: `s${i}`, fact: { type: 'ClaimAbandoned.v1', data: { requestId, releases: [] } } },
          );
          steps.push(step);
          log.write(step.stream, [step.fact], { requestId: step.requestId });
          const records = log.fold.records(openClaims.ledger) as ReadonlyMap<string, { releases: readonly Claim[] }>;
          const found = [...records].map(([key, { releases }]) => [key, releases.map(({ command }) => command['what'])] as const);
          expect(new Map(found.sort(([a], [b]) => (a < b ? -1 : 1)))).toEqual(openIn(steps));
        }
      }),
      { numRuns: 60 },
    );
  });
});
