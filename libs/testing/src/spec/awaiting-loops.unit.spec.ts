import { type Append, type Loop, nameText, type ObjectKey, vniGrants } from '@weft/api';
import { LoopBoard } from '@weft/derive';
import { networkKey, nicKey } from '@weft/network';
import { weftDomains } from '../world/weft-domains.ts';
import { WrittenLog } from './written-log.ts';

/** It owes something about each interface, and waits for a NATGateway or for a grant of a number. */
const loop: Loop = {
  name: 'test-loop',
  context: 'lb',
  over: { kind: 'NetworkInterface' },
  awaits: [{ kind: 'NATGateway' }, vniGrants],
  owed: (name) => [{ target: 'object', key: { kind: 'NetworkInterface', name }, action: 'Test', payload: {} }],
};
const GATEWAY = { kind: 'NATGateway', namespace: 'ns', name: 'nat' };

/** A log, and a board with that loop alone. `from`: what was written before the board was made. */
class Log extends WrittenLog {
  board: LoopBoard | undefined;
  work = 0;
  awaiting: Loop = loop;

  begin(): this {
    this.board = new LoopBoard({ registry: this.registry, loops: [this.awaiting], world: this.fold, nowMs: () => 0 });
    this.board.onWork(() => this.work++);
    return this;
  }

  protected override changed(change: Parameters<WrittenLog['changed']>[0]): void {
    this.board?.apply(change);
  }

  next(): readonly (readonly [key: string, trigger: Append | undefined])[] {
    const asked: (readonly [string, Append | undefined])[] = [];
    for (let next = this.board?.next(); next !== undefined; next = this.board?.next()) asked.push([next.key, next.trigger]);
    return asked;
  }
}

describe('A loop that awaits something', () => {
  let log: Log;
  beforeEach(() => {
    log = new Log(weftDomains).begin();
    log.create(nicKey('ns', 'a'));
    log.create(nicKey('ns', 'b'));
  });

  it('is asked about nothing before', () => {
    expect([log.board?.pending, log.next(), log.work]).toEqual([0, [], 0]);
    expect(log.board?.describe().derived).toEqual([]);
  });

  it('is asked about everything when there is the first object, for whoever made that', () => {
    const gateway = log.create(GATEWAY) && log.appends.at(-1);
    expect(log.work).toBeGreaterThan(0);
    log.create(nicKey('ns', 'c'));
    const third = log.appends.at(-1);
    expect(log.next()).toEqual([
      ['ns/c', third],
      ['ns/a', gateway],
      ['ns/b', gateway],
    ]);
    log.board?.release(loop, 'ns/a');
    expect(log.next()).toEqual([['ns/a', undefined]]);
  });

  it('is asked from then on, also when that object has gone', () => {
    log.create(GATEWAY);
    log.next();
    log.end(GATEWAY);
    log.create(nicKey('ns', 'c'));
    expect(log.next()).toEqual([['ns/c', log.appends.at(-1)]]);
  });

  it('is asked when there is the first record of a ledger', () => {
    const uid = log.create(networkKey('ns', 'net'));
    expect(log.next()).toEqual([]);
    log.write('VniPool-.vnis', [{ type: 'VniAllocated.v1', data: { vni: 200, uid, namespace: 'ns', network: 'net' } }]);
    expect(log.next().map(([key]) => key)).toEqual(['ns/a', 'ns/b']);
  });

  it('is asked at once when that is there from the beginning', () => {
    log.create(GATEWAY);
    log.next();
    log.begin();
    expect(log.next()).toEqual([
      ['ns/a', undefined],
      ['ns/b', undefined],
    ]);
  });

  it('is asked about what comes later when there was nothing to ask about', () => {
    const empty = new Log(weftDomains).begin();
    empty.create(GATEWAY);
    expect(empty.next()).toEqual([]);
    empty.create(nicKey('ns', 'a'));
    expect(empty.next()).toEqual([['ns/a', empty.appends.at(-1)]]);
  });
});

describe('A loop that awaits something for each network', () => {
  const within: Loop = {
    ...loop,
    awaitsWithin: {
      index: 'network',
      of: ({ key: { namespace = '' }, object }) => {
        const { networkRef } = object.spec as { networkRef?: { name: string } };
        return nameText({ namespace, name: networkRef?.name ?? '' });
      },
    },
  };
  const of = (network: string) => ({ spec: { networkRef: { name: network } } });
  const gateway = (name: string): ObjectKey => ({ ...GATEWAY, name });
  let log: Log;
  beforeEach(() => {
    log = new Log(weftDomains);
    log.awaiting = within;
    log.begin();
    for (const network of ['red', 'blue']) for (const i of [1, 2]) log.create(nicKey('ns', `${network}-${i}`), of(network));
  });

  it('is asked about those of the network for which it has come, and once about each', () => {
    log.create(gateway('one'), of('red'));
    const first = log.appends.at(-1);
    expect(log.work).toBeGreaterThan(0);
    expect(['red-1', 'blue-1'].map((name) => log.board?.explain(within, `ns/${name}`)?.state)).toEqual(['waits', undefined]);
    expect(log.next()).toEqual([
      ['ns/red-1', first],
      ['ns/red-2', first],
    ]);
    log.create(gateway('two'), of('red'));
    expect(log.next()).toEqual([]);
    expect(log.board?.explain(within, 'ns/red-1')?.state).toBe('asked');
    expect(log.board?.explain(within, 'ns/blue-1')).toBeUndefined();
    // Nobody asks about the others, and nobody misses that.
    expect(log.board?.auditSlice(1_000)).toEqual([]);
    log.create(gateway('three'), of('blue'));
    expect(log.next().map(([key]) => key)).toEqual(['ns/blue-1', 'ns/blue-2']);
    log.end(gateway('three'));
    expect([log.next(), log.board?.pending]).toEqual([[], 0]);
  });

  it('is asked about those of two networks that get it at once, each once, because of what came for its own', () => {
    const gateways = ['red', 'blue'].map((network) => log.create(gateway(network), of(network)) && log.appends.at(-1));
    log.create(nicKey('ns', 'red-3'), of('red'));
    const [red, blue] = gateways;
    expect(log.next()).toEqual([
      ['ns/red-3', log.appends.at(-1)],
      ['ns/red-1', red],
      ['ns/red-2', red],
      ['ns/blue-1', blue],
      ['ns/blue-2', blue],
    ]);
    log.board?.release(within, 'ns/red-1');
    expect(log.next()).toEqual([['ns/red-1', undefined]]);
  });

  it('is asked about an interface that comes back in another network', () => {
    log.create(gateway('one'), of('red'));
    log.next();
    log.end(nicKey('ns', 'blue-1'));
    log.create(nicKey('ns', 'blue-1'), of('red'));
    expect(log.next().map(([key]) => key)).toContain('ns/blue-1');
  });

  it('is asked about all when it was there from the beginning, or a record is what it awaited', () => {
    log.create(gateway('one'), of('red'));
    log.begin();
    expect(log.next().length).toBe(4);
    const other = new Log(weftDomains);
    other.awaiting = within;
    other.begin();
    other.create(nicKey('ns', 'red-1'), of('red'));
    const uid = other.create(networkKey('ns', 'net'));
    other.write('VniPool-.vnis', [{ type: 'VniAllocated.v1', data: { vni: 200, uid, namespace: 'ns', network: 'net' } }]);
    expect(other.next().map(([key]) => key)).toEqual(['ns/red-1']);
  });
});
