/** Flips as people read them: groups by what their interfaces have in common, an example that `weft trace` takes. */
import { type Facts, factsOf, type JsonObject, nameText } from '@weft/api';
import type { Flip, PortPart, ReachEnd, Rehearsal, RowDifference } from '@weft/fabric';
import { Network, NetworkInterface } from '@weft/network';

/** `count`: how many interfaces; `names`: the first of them; `labels`: those that all of these have. */
export type PlannedEnd = Readonly<{
  what: ReachEnd['what'];
  network?: string;
  name: string;
  count: number;
  names: readonly string[];
  labels?: Readonly<Record<string, string>>;
}>;
/** `verdict`: of new flows. `reason`: why the packet is dropped, before or after. `ports`: none stands for all. `example`: as `weft trace` is asked. */
export type PlannedFlip = Readonly<{
  verdict: 'delivered' | 'dropped';
  reason?: string;
  from: PlannedEnd;
  to: PlannedEnd;
  ports: readonly PortPart[];
  example: Readonly<{ from: string; protocol: string; to: string }>;
}>;

const NAMES_MAX = 5;
/** So many members are asked for labels. */
const LABELLED_MAX = 100;

export function toldFlips({ fork, present }: Rehearsal, flips: readonly Flip[]): readonly PlannedFlip[] {
  const worlds = [factsOf(fork), factsOf(present)];
  const ends = new Map<ReachEnd, PlannedEnd>();
  const endOf = (end: ReachEnd) => {
    let told = ends.get(end);
    if (told === undefined) ends.set(end, (told = toldEnd(end, worlds)));
    return told;
  };
  const told = flips.map(({ from, to, ports, before, after, example }): PlannedFlip => {
    const { protocol, dst, dstPort, src } = example;
    const [source, target] = [endOf(from), endOf(to)];
    const reason = after.reason ?? before.reason;
    return {
      verdict: after.delivered ? 'delivered' : 'dropped',
      ...(reason !== undefined && { reason }),
      from: source,
      to: target,
      ports,
      example: {
        from: from.what === 'interfaces' ? `nic/${source.names[0]}` : `internet${src === undefined ? '' : `:${src}`}`,
        protocol: protocol.toLowerCase(),
        to: dstPort === undefined ? dst : dst.includes(':') ? `[${dst}]:${dstPort}` : `${dst}:${dstPort}`,
      },
    };
  });
  return merged(told);
}

/** What differs in the address alone is told once. */
function merged(flips: readonly PlannedFlip[]): readonly PlannedFlip[] {
  const found = new Map<string, PlannedFlip>();
  for (const flip of flips) {
    const { example: _, ...rest } = flip;
    const key = JSON.stringify(rest);
    if (!found.has(key)) found.set(key, flip);
  }
  return [...found.values()];
}

function toldEnd({ what, vni, name, members }: ReachEnd, worlds: readonly Facts[]): PlannedEnd {
  if (what !== 'interfaces') return { what, name, count: members.length, names: [] };
  const known = members.slice(0, LABELLED_MAX).flatMap((uid) => interfaceOf(uid, worlds) ?? []);
  const network = vni === undefined ? undefined : networkOf(vni, worlds);
  const labels = commonOf(known.map(({ labels: own }) => own));
  return {
    what,
    ...(network !== undefined && { network }),
    name: known[0]?.name ?? name,
    count: members.length,
    names: known.slice(0, NAMES_MAX).map((each) => each.name),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}

function interfaceOf(
  uid: string,
  worlds: readonly Facts[],
): Readonly<{ name: string; labels: Readonly<Record<string, string>> }> | undefined {
  for (const facts of worlds) {
    for (const { key, object } of facts.by(NetworkInterface, 'uid', uid))
      return { name: nameText(key as { name: string }), labels: object.metadata.labels ?? {} };
  }
  return undefined;
}

function networkOf(vni: number, worlds: readonly Facts[]): string | undefined {
  for (const facts of worlds) for (const name of facts.keys(Network, 'vni', String(vni))) return nameText(name);
  return undefined;
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(Object.entries(first).filter(([name, value]) => others.every((each) => each[name] === value)));
}

/**
 * Flows that run now and would end: those of addresses, places and ports that go or move. A flow that a policy would refuse anew is cut, too, since hosts ask policies
 * about each packet of its first direction.
 */
export function flowsOf({ fork, present }: Rehearsal, rows: readonly RowDifference[], flips: readonly Flip[]): readonly string[] {
  const worlds = [factsOf(present), factsOf(fork)];
  const nameOf = (uid: unknown) => (typeof uid === 'string' ? (interfaceOf(uid, worlds)?.name ?? uid) : '');
  const ended = new Set<string>();
  for (const { table, before, after } of rows) {
    if (before === undefined) continue;
    const nic = nameOf(before['nic']);
    if (table.startsWith('endpoints.')) {
      if (after === undefined) ended.add(`all flows of nic/${nic}`);
      else if (after['host'] !== before['host'])
        ended.add(`flows of nic/${nic}, which moves from ${String(before['host'])} to ${String(after['host'])}`);
      else for (const ip of missing(before, after)) ended.add(`flows of nic/${nic} at ${ip}`);
    } else if (table === 'nat' && after?.['nic'] !== before['nic'])
      ended.add(
        `flows to the internet of nic/${nic} through ${String(before['public'])}, ports ${String(before['first'])}-${String(before['last'])}`,
      );
    else if (table === 'virtual-ips.1' && after?.['nic'] !== before['nic'])
      ended.add(`flows of nic/${nic} through ${String(before['ip'])}`);
  }
  if (flips.some(({ after, before }) => before.delivered && /^Policy/.test(after.reason ?? '')))
    ended.add('flows that policies would refuse: see who would not reach whom any more');
  return [...ended].sort();
}

function missing(before: JsonObject, after: JsonObject): readonly string[] {
  const list = (row: JsonObject) => [row['ips'], row['prefixes']].flat().filter((each): each is string => typeof each === 'string');
  const now = new Set(list(after));
  return list(before).filter((each) => !now.has(each));
}
