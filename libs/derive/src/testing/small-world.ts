/** A small world for random histories: hosts, ports on them, and derivations that read in every way there is. */
import type { Cause } from '../cause.ts';
import type { Collection } from '../collection.ts';
import type { Index } from '../collection-index.ts';
import { type Derive, Engine, type EngineOptions } from '../engine.ts';
import type { Read } from '../read.ts';
import type { Lens } from '../source.ts';
import { Table } from '../table.ts';

/** `at` holds the facets: the position of the last event of each. */
export type Host = Readonly<{
  number: number;
  zone: string;
  held: Readonly<Record<string, number>>;
  reports: number;
  at: Readonly<Record<string, bigint>>;
}>;
export type Port = Readonly<{ host: string; ips: readonly string[]; wantsAt: bigint; wantsMs: number; at: bigint }>;

export const CAUSES_MAX = 3;

const causeAt = (position: bigint | undefined): Cause | undefined =>
  position === undefined ? undefined : { position, eventId: `event ${position}` };

const numberOf: Lens<Host, number> = { name: 'number', of: ({ number }) => number, facets: ['number'] };
const placeOf: Lens<Host, string> = { name: 'place', of: ({ number, zone }) => `${zone}${number % 2}`, facets: ['number', 'zone'] };
const heldOf: Lens<Host, number> = { name: 'held', of: ({ held }, vni) => held[vni], facets: (vni) => [`held.${vni}`] };
/** A lens without facets, which is evaluated after each change. */
const oddOf: Lens<Host, string> = { name: 'odd', of: ({ reports }) => (reports % 4 === 1 ? 'odd' : undefined) };
const hostOf: Lens<Port, string> = { name: 'host', of: ({ host }) => host, causes: ({ at }) => [causeAt(at) as Cause] };
const lengthOf: Lens<string, number> = { name: 'length', of: ({ length }) => (length > 2 ? length : undefined) };

/** Wraps the `Read` of each evaluation, for tests that record reads and their answers. */
export type Watching = (collection: string, key: string, read: Read) => Read;

export function smallWorld(options: EngineOptions = {}, watching: Watching = (_, __, read) => read) {
  const engine = new Engine({ causesMax: CAUSES_MAX, ...options });
  const hostTable = new Table<Host>(
    'hosts',
    { zone: ({ zone }) => [zone], all: () => ['all'], held: ({ held }) => Object.keys(held) },
    {
      of: ({ at }, name) => at[name],
      whole: ({ at }) => at,
      causeOf: ({ at }, name) => causeAt(at[name]),
    },
  );
  const portTable = new Table<Port>('ports', { host: ({ host }) => [host], ip: ({ ips }) => ips });
  const hosts = engine.source(hostTable);
  const ports = engine.source(portTable);
  const map = <V>(name: string, over: Collection<unknown>, derive: Derive<V>) =>
    engine.map<V>(name, over, (key, read) => derive(key, watching(name, key, read)));
  const group = <V>(name: string, over: Index<unknown>, derive: Derive<V>) =>
    engine.group<V>(name, over, (key, read) => derive(key, watching(name, key, read)));

  const numbers = map('numbers', hosts, (key, read) => {
    const number = read.see(hosts, numberOf, key);
    if (number === 13) throw new Error('thirteen');
    return number === undefined ? undefined : `n${number % 3}${'x'.repeat(number % 4)}`;
  });
  const byText = numbers.index('text', (text) => [text.slice(0, 2), 'all']);
  const byZone = hosts.index('zone');
  const byIp = engine.join<Port | string>('ip or text', ports.index('ip'), byText);

  map('whole', hosts, (key, read) => read.get(hosts, key)?.reports);
  const rows = map<Readonly<{ host: string; [other: string]: unknown }>>('rows', ports, (key, read) => {
    const host = read.see(ports, hostOf, key);
    if (host === undefined) return undefined;
    const number = read.get(numbers, host);
    const early = idsOf(read.causes());
    const held = read.see(hosts, heldOf, host, number?.slice(1, 2));
    return held === undefined && number === undefined ? undefined : { host, number, held, early, because: idsOf(read.causes()) };
  });
  const byHost = rows.index('host', ({ host }) => [host]);
  group('zones', byZone, (zone, read) => [...read.seeAll(byZone, placeOf, zone)].sort());
  group('odd', byZone, (zone, read) => [...read.seeAll(byZone, oddOf, zone)].length);
  group('holders', hosts.index('held'), (vni, read) =>
    [...read.seeAll(hosts.index('held'), heldOf, vni, vni)].reduce((sum, each) => sum + each, 0),
  );
  group('who', byZone, (zone, read) => [...read.keys(byZone, zone)].sort());
  group('firsts', byZone, (zone, read) => read.first(byZone, zone, 2));
  map('counts', hosts, (key, read) => read.count(ports.index('host'), key));
  map('any', ports, (key, read) => [read.any(byText, `n${key.length % 3}`), read.any(byText, 'n1')]);
  group('joint', byIp, (ip, read) => {
    const all = [...read.rows(byIp, ip)].length;
    return [all, [...read.rows(byIp, ip, numbers)].sort(), [...read.entries(byIp, ip)].map(([key]) => key).sort()];
  });
  map('lengths', hosts, (key, read) => read.see(numbers, lengthOf, key));
  const due = map('due', ports, (key, read) => {
    const port = read.get(ports, key);
    if (port === undefined) return undefined;
    return `${read.reached(port.wantsAt) ? 'there' : 'before'} ${read.passed(port.wantsMs) ? 'late' : 'early'}`;
  });
  /** Reads many: its causes are bounded, and are those of values two stages below. */
  const wide = group('wide', byHost, (host, read) => ({ n: [...read.rows(byHost, host)].length, because: idsOf(read.causes()) }));
  /** Reads a collection that uses causes, but does not ask for causes itself. */
  const plain = map('plain', hosts, (key, read) => (read.get(numbers, key) === undefined ? undefined : read.count(byText, 'all')));
  map('through', hosts, (key, read) => {
    const value = read.get(plain, key);
    const more = read.get(wide, key)?.n;
    return { value, more, because: idsOf(read.causes()) };
  });
  group('reasons', byText, (text, read) => [String([...read.rows(byText, text)].length), ...idsOf(read.causes())]);
  group('reasons of zones', byZone, (zone, read) => {
    const places = [...read.seeAll(byZone, placeOf, zone)].sort();
    const seen = idsOf(read.causes());
    return [places, seen, read.see(numbers, lengthOf, `h${places.length}`), idsOf(read.causes())];
  });
  group('reasons of ports', ports.index('host'), (host, read) => {
    const hostsOfPorts = [...read.seeAll(ports.index('host'), hostOf, host)].length;
    return [hostsOfPorts, [...read.seeAll(byText, lengthOf, 'all')].length, ...idsOf(read.causes())];
  });
  const owed = engine.lazyMap<Readonly<Record<string, unknown>>>(
    'owed',
    ports,
    (key, read) => {
      const host = read.see(ports, hostOf, key) ?? '';
      const number = read.get(numbers, host);
      if (number === 'n1') throw new Error('n1');
      const when = read.get(due, key);
      return number === undefined && when === undefined ? undefined : { number, when, first: read.first(byText, 'all', 1)[0] };
    },
    { priorityOf: (key) => key.length % 2 },
  );
  return { engine, hostTable, portTable, hosts, ports, numbers, rows, owed };
}

function idsOf(causes: readonly Cause[]): readonly string[] {
  return causes.map(({ eventId }) => eventId);
}

export type SmallWorld = ReturnType<typeof smallWorld>;

// ---- Histories ----

/** Numbers, which fast-check shrinks well; `change` gives them a meaning. */
export type Step = readonly [what: number, which: number, value: number];

/** Changes one thing at the given position. */
export function change({ engine, hostTable, portTable }: SmallWorld, [what, which, value]: Step, position: bigint): void {
  const hostKey = `h${which % 4}`;
  const portKey = `port${'s'.repeat(which % 2)}${which % 5}`;
  const host = hostTable.get(hostKey) ?? { number: 0, zone: 'a', held: {}, reports: 0, at: {} };
  const zone = 'abc'[value % 3] as string;
  const vni = String(value % 4);
  switch (what % 9) {
    case 0:
      hostTable.put(hostKey, { ...host, number: value % 15, at: { ...host.at, number: position } });
      return;
    case 1:
      hostTable.put(hostKey, { ...host, zone, at: { ...host.at, zone: position } });
      return;
    case 2: {
      const { [vni]: old, ...others } = host.held;
      const held = old === undefined || value % 2 === 0 ? { ...host.held, [vni]: value } : others;
      hostTable.put(hostKey, { ...host, held, at: { ...host.at, [`held.${vni}`]: position } });
      return;
    }
    case 3:
      hostTable.put(hostKey, { ...host, reports: host.reports + 1 });
      return;
    case 4:
      // The same value, with another cause.
      hostTable.put(hostKey, { ...host, at: { ...host.at, number: position } });
      return;
    case 5:
      hostTable.delete(hostKey);
      return;
    case 6: {
      const ips = ['n1', 'n2', '10.0.0.1', '10.0.0.2'].filter((_, i) => ((value >> i) & 1) === 1);
      const wantsAt = position + BigInt(value % 7) - 2n;
      portTable.put(portKey, { host: `h${value % 5}`, ips, wantsAt, wantsMs: Number(position) * 10 + (value % 50) - 20, at: position });
      return;
    }
    case 7:
      portTable.delete(portKey);
      return;
    default:
      engine.passTo(Number(position) * 10);
  }
}
