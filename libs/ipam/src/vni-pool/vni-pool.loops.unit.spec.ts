import type { DomainModule, Draft, Fact, KindModule, ObjectKey } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { vniLedgers, vniRests, vniStock } from './vni-pool.ledgers.ts';
import { vniLoops } from './vni-pool.loops.ts';
import { vniPoolModule } from './vni-pool.ts';
import { VNI_POOL } from './vni-pool.types.ts';

const kind = (name: string, more: Partial<KindModule>): KindModule => ({
  group: 'test.weft.dev',
  version: 'v1',
  kind: name,
  plural: `${name.toLowerCase()}s`,
  singular: name.toLowerCase(),
  shortNames: [],
  namespaced: false,
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: () => name,
  hasStatus: false,
  tracksGeneration: false,
  columns: [],
  schema: {},
  defaults: (object) => object,
  rules: () => [],
  evolve: {},
  initialFacts: {},
  facetOf: () => undefined,
  ...more,
});
const numberOf = ({ vni }: Readonly<Record<string, unknown>>) => (vni === undefined ? [] : [String(vni)]);

/** Networks and hosts, with only what this context reads of them. */
const networks: DomainModule = {
  context: 'network',
  kinds: [
    kind('Network', {
      namespaced: true,
      indexes: { vni: ({ facts }) => numberOf(facts), numberless: ({ facts }) => (facts['vni'] === undefined ? ['yes'] : []) },
      evolve: { 'NetworkVniAssigned.v1': ({ object }, { vni }) => ({ object, facts: { vni: vni as number } }) },
    }),
    kind('Host', {
      indexes: { vni: ({ facts }) => numberOf(facts) },
      evolve: {
        'NetworkHeld.v1': ({ object }, { vni }) => ({ object, facts: { vni: vni as number } }),
        'NetworkReleased.v1': ({ object }) => ({ object, facts: {} }),
      },
    }),
  ],
  reservations: [],
};
/** Numbers 200 to 202. */
const ipam: DomainModule = {
  context: 'ipam',
  kinds: [],
  reservations: [vniPoolModule(200, 202)],
  loops: vniLoops(202),
  ledgers: vniLedgers,
};

const network = (name: string, namespace = 'ns'): ObjectKey => ({ kind: 'Network', namespace, name });
const HOST: ObjectKey = { kind: 'Host', name: 'h' };
const ask = (type: string, fields: object): Draft => ({
  target: 'reservation',
  stream: VNI_POOL,
  command: { type, ...fields },
});
const allocate = (name: string, uid: string) => ask('AllocateVni', { namespace: 'ns', network: name, uid });
const release = (uid: string, at: number) => ask('ReleaseVni', { uid, at: String(at) });

class Site extends WrittenLog {
  constructor() {
    super([networks, ipam]);
  }

  pool(type: string, data: Fact['data']): number {
    return Number(this.write(VNI_POOL, [{ type, data }]).position);
  }

  allocated(name: string, uid: string, vni: number): number {
    return this.pool('VniAllocated.v1', { namespace: 'ns', network: name, uid, vni });
  }

  exhausted(name: string, uid: string): number {
    return this.pool('VniPoolExhausted.v1', { namespace: 'ns', network: name, uid });
  }

  released(uid: string, vni: number, at: number): void {
    this.pool('VniReleased.v1', { uid, vni, at: String(at) });
  }

  assigned(name: string, vni: number): void {
    this.happen(network(name), { type: 'NetworkVniAssigned.v1', data: { vni } });
  }

  /** A network with its number. */
  numbered(name: string, vni: number): string {
    const uid = this.create(network(name));
    this.allocated(name, uid, vni);
    this.assigned(name, vni);
    return uid;
  }
}

describe('A network without a number', () => {
  it('asks for one until the pool has answered', () => {
    const site = new Site();
    const uid = site.create(network('a'));
    expect(site.owed()).toEqual([allocate('a', uid)]);
    site.allocated('a', uid, 200);
    expect(site.owed()).toEqual([]);
    site.assigned('a', 200);
    expect(site.owed()).toEqual([]);
  });

  it('does not take the answer to another incarnation, and does not ask when it has a number but no record of an answer', () => {
    const site = new Site();
    const uid = site.create(network('a'));
    site.allocated('a', 'former', 200);
    expect(site.owed('allocate-vni')).toEqual([allocate('a', uid)]);
    site.assigned('a', 199);
    expect(site.owed('allocate-vni')).toEqual([]);
  });

  it('that is gone asks for nothing, whatever the log held before', () => {
    const site = new Site();
    site.create(network('a'));
    site.end(network('a'));
    expect(site.owed()).toEqual([]);
  });
});

describe('Networks that got no number', () => {
  const exhausted = (count: number) => {
    const site = new Site();
    const holders = [200, 201, 202].map((vni) => site.numbered(`n${vni}`, vni));
    const waiting = Array.from({ length: count }, (_, i) => {
      const uid = site.create(network(`w${i}`));
      site.exhausted(`w${i}`, uid);
      return uid;
    });
    return { site, holders, uids: waiting, waiting: waiting.map((uid, i) => allocate(`w${i}`, uid)) };
  };
  const rest = (site: Site, uid: string, vni: number) => {
    const { position } = site.end(network(`n${vni}`));
    site.released(uid, vni, Number(position));
    site.pool('VniRested.v1', { vni });
  };

  it('do not ask again while there is no number', () => {
    const { site } = exhausted(2);
    expect(site.owed()).toEqual([]);
  });

  it('ask again as soon as one has rested, as many as have rested', () => {
    const { site, holders, waiting, uids } = exhausted(2);
    rest(site, holders[0]!, 200);
    expect(site.owed()).toEqual(waiting.slice(0, 1));
    site.allocated('w0', uids[0]!, 200);
    expect(site.owed('allocate-rested-vni')).toEqual([]);
  });

  it('ask again four at a time', () => {
    const { site, holders, waiting } = exhausted(6);
    // More numbers have rested than the pool has, as if its range had been larger.
    [0, 1, 2].forEach((i) => {
      rest(site, holders[i]!, 200 + i);
    });
    for (const vni of [198, 199]) site.pool('VniRested.v1', { vni });
    expect(site.owed()).toEqual(waiting.slice(0, 4));
  });

  it('do not include one that has a number and has not taken it yet, nor one that was never answered', () => {
    const { site, holders, waiting, uids } = exhausted(1);
    const fresh = site.create(network('fresh'));
    rest(site, holders[0]!, 200);
    expect(site.owed('allocate-rested-vni')).toEqual(waiting);
    expect(site.owed('allocate-vni')).toEqual([allocate('fresh', fresh)]);
    site.allocated('w0', uids[0]!, 200);
    rest(site, holders[1]!, 201);
    expect(site.owed('allocate-rested-vni')).toEqual([]);
  });

  it('are not read while there are numbers that were never used', () => {
    const site = new Site();
    const uid = site.numbered('n200', 200);
    const asks = site.create(network('w'));
    site.exhausted('w', asks);
    rest(site, uid, 200);
    expect(site.owed('allocate-rested-vni')).toEqual([]);
  });

  it('do not ask again after their end', () => {
    const { site, uids } = exhausted(1);
    const uid = uids[0]!;
    const { position } = site.end(network('w0'));
    expect(site.owed()).toEqual([release(uid, Number(position))]);
    site.pool('VniRequestWithdrawn.v1', { uid });
    expect(site.owed()).toEqual([]);
    expect(site.fold.record('vni-grants', uid)).toBeUndefined();
  });
});

describe('A number', () => {
  it('is given back when its network has gone, as of its end', () => {
    const site = new Site();
    const uid = site.numbered('a', 200);
    const { position } = site.end(network('a'));
    expect(site.owed()).toEqual([release(uid, Number(position))]);
    site.released(uid, 200, Number(position));
    expect(site.owed('release-vni')).toEqual([]);
  });

  it('is given back as of its grant when the network had gone by then', () => {
    const site = new Site();
    const uid = site.create(network('a'));
    site.end(network('a'));
    const at = site.allocated('a', uid, 200);
    expect(site.owed()).toEqual([release(uid, at)]);
  });

  it('is given back as of the creation of another network of that name', () => {
    const site = new Site();
    const former = site.numbered('a', 200);
    site.end(network('a'));
    const next = site.create(network('a'));
    const at = Number(site.appends.at(-1)!.position);
    site.happen(network('a'), { type: 'LabelsChanged.v1', data: { labels: {} } });
    expect(site.owed('release-vni')).toEqual([release(former, at)]);
    expect(site.owed('allocate-vni')).toEqual([allocate('a', next)]);
  });

  it('is kept while its network lives, also when a network of that name in another namespace ends', () => {
    const site = new Site();
    site.numbered('a', 200);
    site.create(network('a', 'other'));
    site.end(network('a', 'other'));
    expect(site.owed()).toEqual([]);
  });
});

describe('A number that was given back', () => {
  const released = () => {
    const site = new Site();
    const uid = site.numbered('a', 200);
    site.create(HOST);
    site.happen(HOST, { type: 'NetworkHeld.v1', data: { vni: 200 } });
    const at = Number(site.end(network('a')).position);
    site.released(uid, 200, at);
    return { site, rests: [ask('RestVni', { vni: 200, at: String(at) })] };
  };

  it.each<[string, (site: Site) => void]>([
    ['the host has released it', (site) => site.happen(HOST, { type: 'NetworkReleased.v1', data: { vni: 200 } })],
    ['the host has gone', (site) => site.end(HOST)],
  ])('rests once %s', (_what, happens) => {
    const { site, rests } = released();
    expect(site.owed()).toEqual([]);
    happens(site);
    expect(site.owed()).toEqual(rests);
    site.pool('VniRested.v1', { vni: 200 });
    expect(site.owed()).toEqual([]);
    expect([site.fold.records(vniRests.ledger).size, site.fold.record(vniStock.ledger, VNI_POOL)]).toEqual([
      0,
      { next: 201, rested: 1, held: 0 },
    ]);
  });

  it('goes on resting while a network has it', () => {
    const { site } = released();
    site.end(HOST);
    site.create(network('odd'));
    site.assigned('odd', 200);
    expect(site.owed('rest-vni')).toEqual([]);
  });

  it('has a higher position in a later release, so that a command for the earlier one does nothing', () => {
    const { site, rests } = released();
    site.end(HOST);
    site.pool('VniRested.v1', { vni: 200 });
    const uid = site.numbered('b', 200);
    const { position } = site.end(network('b'));
    const pool = vniPoolModule(200, 202);
    let state = pool.initial();
    for (const { stream, events } of site.appends) if (stream === VNI_POOL) for (const event of events) state = pool.evolve(state, event);
    const [draft] = site.owed('release-vni') as [Extract<Draft, { target: 'reservation' }>];
    expect(draft).toEqual(release(uid, Number(position)));
    const decided = pool.decide(draft.command, state, undefined as never);
    if (decided.outcome !== 'accepted') throw new Error('refused');
    const { metadata } = site.appends[0]!.events[0];
    for (const fact of decided.facts) state = pool.evolve(state, { ...fact, metadata, position: 0n });
    const late = (rests[0] as typeof draft).command;
    expect(pool.decide(late, state, undefined as never)).toEqual({ outcome: 'accepted', facts: [] });
  });
});
