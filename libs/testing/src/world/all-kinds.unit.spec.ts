/**
 * All kinds together in random histories with lag, duplicates and conflicts: at rest nothing is owed, rows are a pure function of the log, and the invariants of the
 * provider document hold as far as rows show them (Appendix A). `HISTORIES=10000 npm run test:unit -- all-kinds` runs more; `HISTORY=7` one.
 */
import { createFold, nameText, owedByLog, owedText } from '@weft/api';
import { AllKinds, sample } from './all-kinds.ts';
import { brokenInvariants, doubleOwners, rowsThatDiffer, type Shown, wrongVisibility } from './invariants.ts';
import { shuffled } from './standby.ts';
import { weftDomains } from './weft-domains.ts';
import { WorldFabric } from './world-fabric.ts';

const only = process.env['HISTORY'];
const HISTORIES = Number(process.env['HISTORIES'] ?? 20);
const seeds = only === undefined ? Array.from({ length: HISTORIES }, (_, i) => i + 1) : [Number(only)];
const STEPS = 120;
const HOUR_MS = 3_600_000;

type Tables = WorldFabric['tables'];

/** What the histories have shown: else they prove less than they seem to. */
const seen = new Set<string>();

describe.each(seeds)('All kinds in history %i', (seed) => {
  afterAll(() => {
    if (seed !== seeds.at(-1) || seeds.length < 10) return;
    expect([...seen].sort()).toEqual(expect.arrayContaining(['hidden', 'shadowed', 'used by peering', 'without ports', 'with ports']));
    const written = [
      'Network',
      'NetworkInterface',
      'Machine',
      'VirtualIP',
      'NATGateway',
      'LoadBalancer',
      'NetworkPolicy',
      'Prefix',
      'PrefixAllocation',
    ];
    expect([...seen].sort()).toEqual(
      expect.arrayContaining([...written, 'AddressPool'].flatMap((kind) => [`create ${kind}`, `delete ${kind}`])),
    );
  });

  it('A-1 to A-6, A-10: come to rest, with rows that follow from the log and keep the invariants; all goes again without a trace', () => {
    const history = new AllKinds(seed);
    const { world, fabric } = history;
    world.watch(() => expect(fabric.faults).toEqual([]));
    let late: WorldFabric | undefined;
    history.live(STEPS, (step) => {
      if (step % 10 === 9) expect([...doubleOwners(shownBy(history)), ...wrongVisibility(shownBy(history))]).toEqual([]);
      if (step !== STEPS / 2) return;
      late = new WorldFabric(world);
      world.watch(late.onChange);
    });
    checkRows(history);
    history.rest();
    expect(owedText(owedByLog(weftDomains, world.appends, Date.parse(world.now) + HOUR_MS))).toBe('');
    expect(text(late?.tables ?? new Map())).toBe(text(fabric.tables));
    checkRows(history);
    expect(brokenInvariants(shownBy(history))).toEqual([]);
    checkOrder(history, seed);
    for (const each of history.accepted) seen.add(each);

    history.deleteAll();
    history.rest();
    checkNothingLeft(history);
    checkSample(history);
  });
});

/** Rows as they were made change by change are those that are made anew. */
function checkRows({ world, fabric }: AllKinds): void {
  expect(text(new WorldFabric(world).tables)).toBe(text(fabric.tables));
  expect([...rowsThatDiffer(shownBy({ world, fabric }))]).toEqual([]);
}

function shownBy({ world: { fold, appends }, fabric: { tables } }: Pick<AllKinds, 'world' | 'fabric'>): Shown {
  return { fold, appends, tables, seen: (what) => seen.add(what) };
}

const ROUTED = ['Network', 'NetworkInterface', 'Host'];
const ROUTES = ['hosts', 'placements', 'endpoints', 'peerings', 'imports'];

/**
 * routes do not depend on the order in which streams come, as long as each keeps its own. (What is handed out again, as public addresses are, has one holder
 * after another in the log, and two in a log that never was.)
 */
function checkOrder({ world, fabric }: AllKinds, seed: number): void {
  const fold = createFold(world.registry);
  const again = new WorldFabric({ registry: world.registry, fold });
  const routed = world.appends.filter(({ stream }) => ROUTED.includes(stream.slice(0, stream.indexOf('-'))));
  for (const append of shuffled(routed, seed)) again.onChange(fold.apply(append));
  const routes = ({ tables }: WorldFabric) => new Map([...tables].filter(([table]) => ROUTES.includes(table.split('.')[0] as string)));
  expect(text(routes(again))).toBe(text(routes(fabric)));
}

/** hosts stay, what hands out numbers and addresses, and Events, until they are an hour old; nothing else is left. */
function checkNothingLeft({ world, fabric }: AllKinds): void {
  const left = [...world.fold.all()].filter(({ status }) => status === 'live').map(({ key }) => `${key.kind} ${nameText(key)}`);
  expect(left.filter((each) => !/^(Host|Namespace|AddressPool) /.test(each))).toEqual([]);
  expect([...fabric.tables.keys()].filter((table) => table !== 'hosts')).toEqual([]);
  const records = world.registry.ledgers.flatMap(({ ledger }) => [...world.fold.records(ledger).keys()].map((key) => `${ledger} ${key}`));
  expect(records.filter((each) => !/^(vni-stock|address-pools|placement-changes host|event-warnings|event-notices) /.test(each))).toEqual(
    [],
  );
  for (const host of world.fold.list('Host')) expect([host.facts['held'] ?? {}, host.facts['imported'] ?? {}]).toEqual([{}, {}]);
}

/** what is made anew comes to the same rows as in a world where nothing was before, but for numbers, uids and positions. */
function checkSample({ world, fabric, agents }: AllKinds): void {
  const fresh = new AllKinds(0);
  for (const [of, hosts] of [
    [world, agents],
    [fresh.world, fresh.agents],
  ] as const) {
    sample(of, hosts);
    for (let round = 0; round < 3; round++) {
      for (const agent of hosts) agent.report();
      of.pass(1_000_000);
    }
  }
  expect(withoutNumbers(world, fabric)).toEqual(withoutNumbers(fresh.world, fresh.fabric));
}

const NUMBERS = ['position', 'because', 'placedAt', 'heldAt', 'mac', 'index', 'first', 'last'];
const PUBLIC = /(203\.0\.113|198\.51\.100)\.[0-9]+|2001:db8:[12]:[0-9a-f:]*/g;

/** Rows by what people call things. */
function withoutNumbers({ fold }: AllKinds['world'], { tables }: WorldFabric): readonly string[] {
  const names = new Map<string, string>();
  for (const { key, status, object, facts } of fold.all()) {
    if (status !== 'live') continue;
    names.set(object.metadata.uid, `${key.kind} ${nameText(key)}`);
    if (key.kind === 'Network') names.set(String(facts['vni']), key.name);
  }
  const named = (part: string) => names.get(part) ?? part.replaceAll(PUBLIC, 'public').replaceAll(/ [0-9]+$/g, '');
  const plain = (_: string, value: unknown) => (typeof value === 'string' || typeof value === 'number' ? named(String(value)) : value);
  return [...tables]
    .filter(([table]) => table !== 'hosts')
    .flatMap(([table, rows]) =>
      [...rows].map(([key, row]) => {
        const kept = Object.fromEntries(Object.entries(row).filter(([field]) => !NUMBERS.includes(field)));
        return `${table.split('.').map(named).join('.')} ${key.split('/').map(named).join('/')} ${JSON.stringify(kept, plain)}`;
      }),
    )
    .sort();
}

function text(tables: Tables | ReadonlyMap<string, ReadonlyMap<string, unknown>>): string {
  const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) => (a < b ? -1 : 1);
  return JSON.stringify(
    [...tables].sort(byKey).map(([table, rows]) => [table, [...rows].sort(byKey)]),
    null,
    1,
  );
}
