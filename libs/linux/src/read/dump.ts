/**
 * What one namespace holds, as the tools print it. A dump runs one shell with one process per table; routes are parsed line by line as they come,
 * since a router holds up to some 100,000 and others want the event loop meanwhile.
 */
import type { KernelAccess } from '../kernel/kernel-access.ts';
import { DEVICE_SYSCTLS, PUBLIC_TABLE_NAME, ROUTER_SYSCTLS, ROUTER_TABLE_NAME } from '../objects/base-tables.ts';
import { GUEST_DEVICE, HERE_TABLE } from '../objects/names.ts';

export type Link = Readonly<{
  ifindex: number;
  link_index?: number;
  ifname: string;
  flags: readonly string[];
  mtu: number;
  address?: string;
  ifalias?: string;
  linkinfo?: Readonly<{ info_kind?: string; info_data?: Readonly<Record<string, unknown>> }>;
  addr_info: readonly Readonly<{ family: string; local: string; prefixlen: number; scope: string }>[];
}>;
export type Neighbour = Readonly<{ dst: string; dev: string; lladdr?: string }>;
export type Fdb = Readonly<{ mac: string; ifname: string; dst?: string; port?: number; vni?: number; viaIf?: string }>;
/** `text` is what `ip route del` takes after the verb. */
export type Route = Readonly<{
  type: string;
  dst: string;
  via: string | undefined;
  dev: string | undefined;
  proto: string | undefined;
  metric: string | undefined;
  /** It has an attribute that none of ours has. */
  odd: boolean;
  text: string;
}>;
export type NftJson = Readonly<{ nftables?: readonly Readonly<Record<string, Readonly<Record<string, unknown>>>>[] }>;

export type RouterDump = Readonly<{
  sysctls: ReadonlyMap<string, string>;
  /** Files of devices whose value is another than DEVICE_SYSCTLS has it. */
  wrongDeviceSysctls: readonly string[];
  links: readonly Link[];
  neighbours: readonly Neighbour[];
  fdb: readonly Fdb[];
  /** Undefined when the table is not there. `frames`: that of whole frames, of the public side. */
  table: NftJson | undefined;
  frames: NftJson | undefined;
  /** Families that ask `here_routes` by their mark. */
  byMark: readonly string[];
  /** All that are there, as `nft` names them: `inet dp`. */
  tables: readonly string[];
}>;
export type GuestDump = Readonly<{ links: readonly Link[]; neighbours: readonly Neighbour[]; routes: readonly Route[] }>;

const IP_LINES = ['addr show', 'neigh show nud permanent'];

/**
 * Undefined when the namespace cannot be entered (a name without a namespace behind it). `onRoute` is called for every unicast route and default; `isHere`: of
 * `here_routes`.
 */
export async function dumpRouter(
  access: KernelAccess,
  namespace: string,
  isPublic: boolean,
  onRoute: (route: Route, isHere: boolean) => void,
): Promise<RouterDump | undefined> {
  const more = [
    `echo @here; ip -4 route show table ${HERE_TABLE}; ip -6 route show table ${HERE_TABLE}`,
    `echo @frames; nft -j list table netdev ${PUBLIC_TABLE_NAME}`,
    'echo @rules-v4; ip -4 rule show; echo @rules-v6; ip -6 rule show',
  ];
  const names = [...ROUTER_SYSCTLS.keys()];
  const sections = await dump(
    access,
    namespace,
    [
      `echo @sysctl; cat ${names.map((name) => `/proc/sys/net/${name}`).join(' ')}`,
      `echo @device-sysctl; ${[...DEVICE_SYSCTLS].map(([files, value]) => `grep -L ^${value} /proc/sys/net/${files}`).join('; ')}`,
      'echo @ip; ip -j -d -batch -',
      'echo @route; ip -4 route show; ip -6 route show',
      'echo @fdb; bridge -j fdb show',
      `echo @nft; nft -j list table inet ${isPublic ? PUBLIC_TABLE_NAME : ROUTER_TABLE_NAME}`,
      'echo @tables; nft -j list tables',
      ...(isPublic ? more : []),
    ],
    IP_LINES,
    (line, isHere) => onRoute(parseRoute(line), isHere),
  );
  if (sections === undefined) return undefined;
  const [links, neighbours] = jsonLines(sections, 'ip');
  const values = sections.get('sysctl') ?? [];
  return {
    sysctls: new Map(names.map((name, at) => [name, values[at]?.trim() ?? ''])),
    wrongDeviceSysctls: (sections.get('device-sysctl') ?? []).filter((line) => line.startsWith('/proc/sys/net/')),
    links: (links ?? []) as readonly Link[],
    neighbours: (neighbours ?? []) as readonly Neighbour[],
    fdb: (jsonLines(sections, 'fdb')[0] ?? []) as readonly Fdb[],
    table: jsonLines(sections, 'nft')[0] as NftJson | undefined,
    frames: jsonLines(sections, 'frames')[0] as NftJson | undefined,
    byMark: ['v4', 'v6'].filter((family) => (sections.get(`rules-${family}`) ?? []).some((line) => HERE_RULE.test(line))),
    tables: tableNames(jsonLines(sections, 'tables')[0] as NftJson | undefined),
  };
}

export async function dumpGuest(access: KernelAccess, namespace: string): Promise<GuestDump | undefined> {
  const routes: Route[] = [];
  const sections = await dump(
    access,
    namespace,
    ['echo @ip; ip -j -d -batch -', `echo @route; ip -4 route show dev ${GUEST_DEVICE}; ip -6 route show dev ${GUEST_DEVICE}`],
    IP_LINES,
    (line) => routes.push(parseRoute(line)),
  );
  if (sections === undefined) return undefined;
  const [links, neighbours] = jsonLines(sections, 'ip');
  return { links: (links ?? []) as readonly Link[], neighbours: (neighbours ?? []) as readonly Neighbour[], routes };
}

const HERE_RULE = new RegExp(`fwmark 0x80000000/0x80000000 lookup ${HERE_TABLE}\\b`);

/** Lines by section; those of `@route` and `@here` go to `onRoute` instead. Undefined when nothing could be run in the namespace. */
async function dump(
  access: KernelAccess,
  namespace: string,
  commands: readonly string[],
  input: readonly string[],
  onRoute: (line: string, isHere: boolean) => void,
): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  const sections = new Map<string, string[]>();
  let section: string[] = [];
  let [routes, isHere] = [false, false];
  let pieces: string[] = [];
  const take = (line: string): void => {
    if (line.startsWith('@')) {
      isHere = line === '@here';
      routes = line === '@route' || isHere;
      section = [];
      sections.set(line.slice(1), section);
    } else if (routes && /^([a-z]+ )?(default|[0-9a-f]+[.:])/.test(line)) onRoute(line, isHere);
    else section.push(line);
  };
  // What a tool complains of would come in the middle of what another one lists.
  await access.shell(namespace, `exec 2>/dev/null; ${commands.join('; ')}; echo @end`, input, (text) => {
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      pieces.push(text.slice(from, at));
      take(pieces.length === 1 ? pieces[0]! : pieces.join(''));
      pieces = [];
      from = at + 1;
    }
    if (from < text.length) pieces.push(text.slice(from));
  });
  return sections.has('end') ? sections : undefined;
}

function jsonLines(sections: ReadonlyMap<string, readonly string[]>, name: string): readonly unknown[] {
  return (sections.get(name) ?? []).filter((line) => /^[[{]/.test(line)).map((line) => JSON.parse(line));
}

function tableNames(listing: NftJson | undefined): readonly string[] {
  return (listing?.nftables ?? []).flatMap(({ table }) => (table === undefined ? [] : [`${table['family']} ${table['name']}`]));
}

const TYPES = new Set(['unreachable', 'blackhole', 'prohibit', 'throw', 'local', 'broadcast', 'multicast', 'anycast']);

/** A line of `ip route show`: `[type] prefix [via [inet6] address] [dev name] [proto name] …`. */
function parseRoute(line: string): Route {
  const words = line.trim().split(' ');
  const type = TYPES.has(words[0]!) ? words[0]! : 'unicast';
  let via: string | undefined;
  let dev: string | undefined;
  let proto: string | undefined;
  let metric: string | undefined;
  let tos: string | undefined;
  let odd = false;
  const start = type === 'unicast' ? 0 : 1;
  let dst = words[start] ?? '';
  for (let at = start + 1; at < words.length; at++) {
    const word = words[at];
    if (word === 'via') via = words[words[at + 1] === 'inet6' ? at + 2 : at + 1];
    else if (word === 'dev') dev = words[at + 1];
    else if (word === 'proto') proto = words[at + 1];
    else if (word === 'metric') metric = words[at + 1];
    else if (word === 'tos') tos = words[at + 1];
    if (word === 'tos' || word === 'mtu') odd = true;
  }
  if (dst === 'default') dst = line.includes(' pref ') || (via?.includes(':') && !line.includes(' inet6 ')) ? '::/0' : '0.0.0.0/0';
  const more = [
    via && `via ${dst.includes(':') || !via.includes(':') ? '' : 'inet6 '}${via}`,
    dev && `dev ${dev}`,
    metric && `metric ${metric}`,
    tos && `tos ${tos}`,
  ];
  const text = [type === 'unicast' ? '' : type, dst, ...more].filter(Boolean).join(' ');
  return { type, dst, via, dev, proto, metric, odd, text };
}
