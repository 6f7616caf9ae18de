/** Writes entries of features: elements of sets and maps in one transaction, the others by `replace`, never by delete and add. */
import { deviceOf, type EntryObject, keyOf, PUBLIC_VNI, type Section, wireDevice } from '@weft/fabric';
import type { BaseTable } from '../objects/base-tables.ts';
import { ENTRY_PROTOCOL, HERE_TABLE, hostPrefix, isV4, routerMac, routerNamespace, VXLAN_DEVICE } from '../objects/names.ts';
import { clearConntrack } from './conntrack.ts';
import { GONE, LineBatch, THERE } from './line-batch.ts';
import type { RemoteContext } from './remote-writer.ts';

/** Refusals by key. */
type Refusals = ReadonlyMap<string, string>;

const inside = ({ identity, vni }: RemoteContext): string => routerNamespace(identity.index, vni);

/** Elements that go, elements that change, as they are; and elements that come. */
export type ElementChange = Readonly<{ remove: readonly EntryObject[]; put: readonly EntryObject[] }>;

/** Statements of one transaction, for one table: removals first, so that an element may take the place of another that it overlaps. */
export function elementStatements(
  { remove, put }: ElementChange,
  sections: ReadonlyMap<string, Section>,
  { family, name }: BaseTable,
): readonly string[] {
  const table = `${family} ${name}`;
  const isThere = ({ section }: EntryObject) => isFrameSection(sections.get(section)) === (family === 'netdev');
  const [going, coming] = [remove.filter(isThere), put.filter(isThere)].map((entries) => partChains(entries, sections)) as [Parted, Parted];
  const lingersS = ({ section }: EntryObject) => lingering(sections.get(section));
  const isLingering = (entry: EntryObject) => lingersS(entry) !== undefined;
  const keyOnly = ({ key }: EntryObject) => key;
  return [
    ...statements('delete', table, going.elements, (entry) => keyToDelete(entry, sections.get(entry.section))),
    ...going.chains.flatMap(({ name: chain }) => [`flush chain ${table} ${chain}`, `delete chain ${table} ${chain}`]),
    ...coming.chains.flatMap(({ name: chain, rules }) => [
      `add chain ${table} ${chain}`,
      `flush chain ${table} ${chain}`,
      ...rules.map((rule) => `add rule ${table} ${chain} ${rule}`),
    ]),
    ...statements('add', table, going.elements.filter(isLingering), (entry) => `${entry.key} timeout ${lingersS(entry)}s`),
    // One that lingers would go all the same.
    ...statements('add', table, coming.elements.filter(isLingering), keyOnly),
    ...statements('delete', table, coming.elements.filter(isLingering), keyOnly),
    ...statements('add', table, coming.elements, ({ section, key, value }) =>
      value === '' ? key : `${key} : ${valueToAdd(value, sections.get(section))}`,
    ),
  ];
}

type Parted = Readonly<{ elements: readonly EntryObject[]; chains: readonly Readonly<{ name: string; rules: readonly string[] }>[] }>;

/** Entries that are chains, and all others. */
function partChains(entries: readonly EntryObject[], sections: ReadonlyMap<string, Section>): Parted {
  const elements: EntryObject[] = [];
  const chains: { name: string; rules: readonly string[] }[] = [];
  for (const entry of entries) {
    const section = sections.get(entry.section);
    if (section?.kind !== 'nft' || section.chainOf === undefined) elements.push(entry);
    else chains.push({ name: `${section.name}_${entry.key}`, rules: section.chainOf(entry.key) });
  }
  return { elements, chains };
}

function lingering(section: Section | undefined): number | undefined {
  return section?.kind === 'nft' ? section.lingersS : undefined;
}

function isFrameSection(section: Section | undefined): boolean {
  return section?.kind === 'nft' && section.netdev === true;
}

/** What flows end with these elements: addresses, and ports of addresses as `<address> . <first>-<last>`. */
export function endedBy(gone: readonly EntryObject[], sections: ReadonlyMap<string, Section>): readonly string[] {
  return gone.flatMap((entry) => {
    const section = sections.get(entry.section);
    const ends = section?.kind === 'nft' ? section.ends : undefined;
    return ends === undefined ? [] : [ends === 'slice' ? entry.key : entry[ends]];
  });
}

/**
 * nft 1.0.6 adds an element of an interval set in one byte order, and deletes one without any range in another: it is not found then. So one part is
 * written as a range.
 */
function keyToDelete({ key }: EntryObject, section: Section | undefined): string {
  if (section?.kind !== 'nft' || section.interval !== true || /[-/]/.test(key)) return key;
  return `${key}-${key.slice(key.lastIndexOf(' ') + 1)}`;
}

/** A single one among ranges is written as a range too. */
function valueToAdd(value: string, section: Section | undefined): string {
  const isRange = section?.kind !== 'nft' || section.ranges !== true || value.includes('-');
  return isRange ? value : `${value}-${value.slice(value.lastIndexOf(' ') + 1)}`;
}

function statements(
  verb: 'add' | 'delete',
  table: string,
  entries: readonly EntryObject[],
  textOf: (entry: EntryObject) => string,
): readonly string[] {
  const bySection = new Map<string, string[]>();
  for (const entry of entries) {
    const texts = bySection.get(entry.section);
    if (texts === undefined) bySection.set(entry.section, [textOf(entry)]);
    else texts.push(textOf(entry));
  }
  return [...bySection].map(([section, texts]) => `${verb} element ${table} ${section} { ${texts.join(', ')} }`);
}

/** Makes the pair to another router unless it is there, and sets this router's end up. The other router does the same for its own. */
export async function writeWires(context: RemoteContext, wires: readonly EntryObject[], mtu: number): Promise<Refusals> {
  const { identity, vni, access } = context;
  const lines = new LineBatch();
  for (const wire of wires) {
    const key = keyOf(wire);
    const device = wireDevice(wire.key);
    const end = `address ${routerMac(vni, identity.index)} mtu ${mtu}`;
    const otherEnd = `peer name ${wireDevice(vni)} address ${routerMac(Number(wire.key), identity.index)} mtu ${mtu}`;
    lines.add(key, `link add ${device} ${end} type veth ${otherEnd} netns ${routerNamespace(identity.index, Number(wire.key))}`, THERE);
    lines.add(key, `addr flush dev ${device}`).add(key, `link set ${device} addrgenmode none`).add(key, `link set ${device} ${end} up`);
  }
  // A kept `ip` would hold the other namespace.
  const refusals = await lines.run((each) => access.ipOnce(inside(context), [], each));
  await access.forget(inside(context));
  return refusals;
}

export async function writeEntries(context: RemoteContext, kind: Section['kind'], entries: readonly EntryObject[]): Promise<Refusals> {
  const lines = new LineBatch();
  for (const entry of entries) lines.add(keyOf(entry), putLine(kind, entry));
  return send(context, kind, lines);
}

/** As they were written: another may have taken the place of one by now. */
export async function eraseEntries(context: RemoteContext, kind: Section['kind'], entries: readonly EntryObject[]): Promise<Refusals> {
  if (entries.length === 0) return new Map();
  const lines = new LineBatch();
  for (const entry of entries) lines.add(keyOf(entry), removalLine(kind, entry), GONE);
  const refusals = await send(context, kind, lines);
  // What is kept open there remembers devices by their numbers.
  if (kind === 'wires') await context.access.forget(inside(context));
  // The public side tracks none.
  if (kind === 'routes' && context.vni !== PUBLIC_VNI) {
    await clearConntrack(
      context.access,
      inside(context),
      entries.map(({ key }) => key),
    );
  }
  return refusals;
}

function send(context: RemoteContext, kind: Section['kind'], lines: LineBatch): Promise<Refusals> {
  const { access } = context;
  return lines.run((each) => (kind === 'tunnels' ? access.bridge(inside(context), each) : access.ip(inside(context), each)));
}

function putLine(kind: Section['kind'], entry: EntryObject): string {
  const { key, value } = entry;
  switch (kind) {
    case 'tunnels':
      return `fdb replace ${key} dev ${VXLAN_DEVICE} ${tunnelOf(value)} self permanent`;
    case 'neighbours':
      return `neigh replace ${addressOf(key)} lladdr ${value} dev ${deviceOf(entry)} nud permanent`;
    case 'routes':
    case 'here_routes':
      return `route replace ${routeOf(entry)} onlink proto ${ENTRY_PROTOCOL}${tableOf(kind)}`;
    default:
      throw new Error(`entries of ${kind} are not put by a line`);
  }
}

function removalLine(kind: Section['kind'], entry: EntryObject): string {
  const { key, value } = entry;
  switch (kind) {
    case 'wires':
      return `link del ${wireDevice(key)}`;
    case 'tunnels':
      return `fdb del ${key} dev ${VXLAN_DEVICE} ${tunnelOf(value)} self`;
    case 'neighbours':
      return `neigh del ${addressOf(key)} dev ${deviceOf(entry)}`;
    case 'routes':
    case 'here_routes':
      return `route del ${routeOf(entry)} proto ${ENTRY_PROTOCOL}${tableOf(kind)}`;
    case 'nft':
      throw new Error('elements are not removed by a line');
  }
}

function tableOf(kind: Section['kind']): string {
  return kind === 'here_routes' ? ` table ${HERE_TABLE}` : '';
}

function tunnelOf(value: string): string {
  const [underlay, vni] = value.split(' ');
  return `dst ${underlay} vni ${vni}`;
}

function addressOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

function routeOf(entry: EntryObject): string {
  const hop = entry.value.slice(0, entry.value.indexOf(' '));
  return `${hostPrefix(entry.key)} via ${isV4(entry.key) && !isV4(hop) ? 'inet6 ' : ''}${hop} dev ${deviceOf(entry)}`;
}
