/** Rows derived by `@weft/derive` beside the same kept up to date by hand, interleaved in one process: 100,000 ports on 100 hosts. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Engine, type Lens, Table } from '@weft/derive';
import { atLeast, type Bench } from './bench.ts';
import { summarize } from './stats.ts';

type DeriveFigure = Readonly<{ name: string; perSecond: number; byHandPerSecond: number; ratio: number }>;
type DeriveFigures = Readonly<{ figures: readonly DeriveFigure[]; bytesPerRow: number; bytesPerRowByHand: number }>;

type Host = Readonly<{ number: number; reports: number; facets: Readonly<{ number: number }> }>;
type Port = Readonly<{ host: string; ip: string; facets: Readonly<{ place: number }> }>;
type Row = Readonly<{ port: string; number: number; ip: string }>;

/** What both versions do. Changes go through tables in both, since somebody has to own the data. */
interface Rows {
  readonly hosts: Table<Host>;
  readonly ports: Table<Port>;
  settle(): void;
  get(port: string): Row | undefined;
}

const HOSTS = 100;
const ROUNDS = 3;

function measured({ ports: count }: { ports: number }): DeriveFigures {
  const names = ['load', 'a port changes', "a host's report, which no row reads", 'a host changes its number, all its rows differ'];
  const samples = names.map(() => ({ derived: [] as number[], byHand: [] as number[] }));
  const bytes = { derived: 0, byHand: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    for (const version of ['derived', 'byHand'] as const) {
      const run = runOf(version, count, round);
      bytes[version] = run.bytesPerRow;
      for (const [i, each] of run.seconds.entries()) samples[i]?.[version].push(each);
    }
  }
  const figures = names.map((name, i) => {
    const [derived, hand] = [samples[i]?.derived ?? [], samples[i]?.byHand ?? []].map((each) => summarize(each).p50);
    const [perSecond, byHandPerSecond] = [1 / (derived ?? 1), 1 / (hand ?? 1)];
    return { name, perSecond, byHandPerSecond, ratio: byHandPerSecond / perSecond };
  });
  return { figures, bytesPerRow: bytes.derived, bytesPerRowByHand: bytes.byHand };
}

function runOf(version: 'derived' | 'byHand', count: number, round: number): Readonly<{ seconds: readonly number[]; bytesPerRow: number }> {
  const before = heapUsed();
  const rows = version === 'derived' ? byEngine() : byHand();
  const seconds = [
    timed(1, () => load(rows, count)),
    timed(count / 10, (i) => movePort(rows, i % count, i)),
    timed(count, (i) => report(rows, i % HOSTS)),
    timed(HOSTS, (i) => renumber(rows, i, round)),
  ];
  const bytesPerRow = (heapUsed() - before) / count;
  if (rows.get('p0')?.number !== 1000 + round) throw new Error(`${version}: the row of p0 is wrong`);
  return { seconds, bytesPerRow };
}

function byEngine(): Rows {
  const engine = new Engine();
  const { hosts, ports } = tables();
  const [hostsRead, portsRead] = [engine.source(hosts), engine.source(ports)];
  const numberOf: Lens<Host, number> = { name: 'number', of: ({ number }) => number, facets: ['number'] };
  const placeOf: Lens<Port, Port> = {
    name: 'place',
    of: (port) => port,
    same: (a, b) => a.host === b.host && a.ip === b.ip,
    facets: ['place'],
  };
  const rows = engine.map<Row>(
    'rows',
    portsRead,
    (port, read) => {
      const place = read.see(portsRead, placeOf, port);
      const number = place && read.see(hostsRead, numberOf, place.host);
      return number === undefined ? undefined : { port, number, ip: place?.ip ?? '' };
    },
    { same: sameRow },
  );
  return { hosts, ports, settle: () => engine.settle(), get: (port) => rows.get(port) };
}

function byHand(): Rows {
  const { hosts, ports } = tables();
  const rows = new Map<string, Row>();
  const changed = new Set<string>();
  ports.attach((port, before, after) => {
    if (before?.facets.place !== after?.facets.place) changed.add(port);
  });
  hosts.attach((host, before, after) => {
    if (before?.facets.number === after?.facets.number) return;
    for (const [port] of ports.indexes['host']?.members(host) ?? []) changed.add(port);
  });
  const settle = () => {
    for (const port of changed) {
      const place = ports.get(port);
      const number = place && hosts.get(place.host)?.number;
      const row = place === undefined || number === undefined ? undefined : { port, number, ip: place.ip };
      const old = rows.get(port);
      if (row === undefined) rows.delete(port);
      else if (old === undefined || !sameRow(old, row)) rows.set(port, row);
    }
    changed.clear();
  };
  return { hosts, ports, settle, get: (port) => rows.get(port) };
}

function tables(): Pick<Rows, 'hosts' | 'ports'> {
  return {
    hosts: new Table<Host>('hosts', {}, { of: ({ facets }) => facets.number, whole: ({ facets }) => facets }),
    ports: new Table<Port>('ports', { host: ({ host }) => [host] }, { of: ({ facets }) => facets.place, whole: ({ facets }) => facets }),
  };
}

function sameRow(a: Row, b: Row): boolean {
  return a.number === b.number && a.ip === b.ip;
}

function load({ hosts, ports, settle }: Rows, count: number): void {
  for (let i = 0; i < HOSTS; i++) hosts.put(`h${i}`, { number: i, reports: 0, facets: { number: i } });
  for (let i = 0; i < count; i++) ports.put(`p${i}`, { host: `h${i % HOSTS}`, ip: `10.0.0.${i}`, facets: { place: i } });
  settle();
}

function movePort({ ports, settle }: Rows, i: number, to: number): void {
  ports.put(`p${i}`, { host: `h${(i + 1) % HOSTS}`, ip: `10.1.0.${to}`, facets: { place: -1 - to } });
  settle();
}

function report({ hosts, settle }: Rows, i: number): void {
  const host = hosts.get(`h${i}`);
  if (host !== undefined) hosts.put(`h${i}`, { ...host, reports: host.reports + 1 });
  settle();
}

function renumber({ hosts, settle }: Rows, i: number, round: number): void {
  const number = 999 + round + i;
  hosts.put(`h${i}`, { number, reports: 0, facets: { number } });
  settle();
}

/** Seconds for each of `times` runs, on average. */
function timed(times: number, run: (i: number) => void): number {
  const started = performance.now();
  for (let i = 0; i < times; i++) run(i);
  return (performance.now() - started) / 1000 / times;
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  return process.memoryUsage().heapUsed;
}

export const deriveBench: Bench = {
  name: 'derive',
  async run({ say }) {
    const { figures, bytesPerRow, bytesPerRowByHand } = measured({ ports: 100_000 });
    say(`derive: ${Math.round(bytesPerRow)} bytes a row with its source, ${Math.round(bytesPerRowByHand)} by hand`);
    return figures.map(({ name, perSecond, ratio }) => ({
      name: `derived: ${name}`,
      perSecond,
      ratio: { value: 1 / ratio, to: 'the same by hand' },
      goal: atLeast(0.2, 1 / ratio, ' of it'),
    }));
  },
};
