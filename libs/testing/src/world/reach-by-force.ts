/** Who reaches whom otherwise than before, found by asking about every pair: what a plan's groups are held to in small worlds. */
import type { JsonObject } from '@weft/api';
import { type Flip, type Packet, type RowTables, reached, TableRows } from '@weft/fabric';

type Row = Readonly<{ vni: number; nic: string; ips: readonly string[]; ranges: readonly string[] }>;
type Address = Readonly<{ slot: string; address: string }>;

/** Ports on either side of those that random policies and balancers name. */
const PARTS = [
  ['TCP', 1],
  ['TCP', 443],
  ['TCP', 444],
  ['TCP', 446],
  ['UDP', 1],
  ['ICMP', undefined],
] as const;
const ANYWHERE = ['192.0.2.1', '2001:db8::1'];

export function snapshotOf(tables: RowTables): RowTables {
  return new Map([...tables].map(([table, rows]) => [table, new Map(rows)]));
}

function interfacesIn(tables: RowTables): ReadonlyMap<string, Row> {
  const found = new Map<string, Row>();
  for (const [table, rows] of tables) {
    if (!table.startsWith('endpoints.')) continue;
    for (const [nic, row] of rows) {
      const { ips, prefixes = [] } = row as unknown as { ips: string[]; prefixes?: string[] };
      found.set(nic, {
        vni: Number(table.slice('endpoints.'.length)),
        nic,
        ips,
        ranges: prefixes.map((prefix) => prefix.split('/')[0] as string),
      });
    }
  }
  return found;
}

/** As plans number them: by place, or of before and after where they differ. */
function addressesOf(before: Row | undefined, after: Row | undefined): readonly Address[] {
  const list = (row: Row) => [...row.ips, ...row.ranges];
  const [was, is] = [list((before ?? after) as Row), list((after ?? before) as Row)];
  if (was.join() === is.join()) return is.map((address, i) => ({ slot: String(i), address }));
  return [...was.map((address, i) => ({ slot: `before ${i}`, address })), ...is.map((address, i) => ({ slot: `after ${i}`, address }))];
}

function publicsOf(nic: string, ...states: readonly RowTables[]): readonly string[] {
  const rows = states.flatMap((tables) => [...(tables.get('virtual-ips.1')?.values() ?? [])]);
  return [...new Set(rows.flatMap((row) => (row['nic'] === nic ? [row['ip'] as string] : [])))];
}

function balancersIn(
  ...states: readonly RowTables[]
): ReadonlyMap<string, Readonly<{ vni: number; ips: ReadonlySet<string>; isPublic: boolean }>> {
  const found = new Map<string, { vni: number; ips: Set<string>; isPublic: boolean }>();
  for (const tables of states) {
    for (const [table, rows] of tables) {
      if (!table.startsWith('balancers.') || table === 'balancers.1') continue;
      for (const row of rows.values() as Iterable<JsonObject>) {
        const known = found.get(row['balancer'] as string)?.ips ?? new Set<string>();
        found.set(row['balancer'] as string, {
          vni: Number(table.slice('balancers.'.length)),
          ips: new Set([...known, ...(row['ips'] as string[])]),
          isPublic: row['scheme'] === 'Public',
        });
      }
    }
  }
  return found;
}

function* peersOf(vni: number, ...states: readonly RowTables[]): Iterable<number> {
  yield vni;
  for (const tables of states) for (const key of tables.get(`peerings.${vni}`)?.keys() ?? []) yield Number(key);
}

export function flipsByForce(before: RowTables, after: RowTables): readonly string[] {
  const [was, is] = [new TableRows(before), new TableRows(after)];
  const [old, now] = [interfacesIn(before), interfacesIn(after)];
  const found = new Set<string>();
  const ask = (name: string, packet: Omit<Packet, 'protocol'>, wanted?: string) => {
    for (const [protocol, dstPort] of PARTS) {
      const asked: Packet = { ...packet, protocol, ...(dstPort !== undefined && { dstPort }) };
      const [a, b] = [reached(was, asked, wanted).delivered, reached(is, asked, wanted).delivered];
      if (a !== b) found.add(`${name} ${protocol} ${dstPort ?? ''} ${b}`);
    }
  };
  const balancers = balancersIn(before, after);
  for (const from of new Set([...old.keys(), ...now.keys()])) {
    const { vni, ips } = (now.get(from) ?? old.get(from)) as Row;
    const near = new Set(peersOf(vni, before, after));
    for (const to of new Set([...old.keys(), ...now.keys()])) {
      if (from === to || !near.has(((now.get(to) ?? old.get(to)) as Row).vni)) continue;
      for (const { slot, address } of addressesOf(old.get(to), now.get(to))) ask(`${from} > ${to} ${slot}`, { from, dst: address }, to);
    }
    for (const [balancer, { vni: of, ips: addresses }] of balancers)
      if (near.has(of)) for (const dst of addresses) ask(`${from} > ${balancer} ${dst}`, { from, dst });
    const families = [...ips, ...(old.get(from)?.ips ?? [])].map((ip) => ip.includes(':'));
    for (const dst of ANYWHERE) if (families.includes(dst.includes(':'))) ask(`${from} > internet ${dst}`, { from, dst });
    for (const dst of publicsOf(from, before, after)) {
      const src = ANYWHERE.find((each) => each.includes(':') === dst.includes(':')) as string;
      ask(`internet ${src} > ${from} ${dst}`, { src, dst }, from);
    }
  }
  for (const [balancer, { ips, isPublic }] of balancers) if (isPublic) for (const dst of ips) ask(`internet > ${balancer} ${dst}`, { dst });
  return [...found].sort();
}

/** The same names, for each pair of members of the groups. */
export function namesOfFlips(flips: readonly Flip[], before: RowTables, after: RowTables): readonly string[] {
  const [old, now] = [interfacesIn(before), interfacesIn(after)];
  const found = new Set<string>();
  for (const { from, to, slot, ports, after: is, example } of flips) {
    const parts = PARTS.filter(
      ([protocol, port]) =>
        ports.length === 0 ||
        ports.some(
          (part) =>
            part.protocol === protocol &&
            (port === undefined || part.first === undefined || (part.first <= port && port <= (part.last ?? part.first))),
        ),
    );
    const tell = (name: string) => {
      for (const [protocol, port] of parts) found.add(`${name} ${protocol} ${port ?? ''} ${is.delivered}`);
    };
    if (from.what === 'interfaces' && to.what === 'interfaces') {
      for (const a of from.members) {
        for (const b of to.members) {
          const known = addressesOf(old.get(b), now.get(b)).some((each) => each.slot === slot);
          if (a !== b && known) tell(`${a} > ${b} ${slot}`);
        }
      }
    } else if (from.what === 'interfaces') {
      for (const a of from.members) {
        if (to.what === 'balancer') tell(`${a} > ${to.members[0]} ${slot}`);
        else if (ANYWHERE.includes(slot)) tell(`${a} > internet ${slot}`);
      }
    } else if (to.what === 'balancer') tell(`internet > ${to.members[0]} ${slot}`);
    else {
      for (const b of to.members) {
        const family = slot.endsWith('IPv6');
        for (const dst of publicsOf(b, before, after)) {
          if (dst.includes(':') === family && ANYWHERE.includes(example.src ?? '')) tell(`internet ${example.src} > ${b} ${dst}`);
        }
      }
    }
  }
  return [...found].sort();
}
