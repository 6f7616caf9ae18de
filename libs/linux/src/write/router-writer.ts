/**
 * Makes, repairs and removes a router: namespace, sysctls, rules, tunnel, gateway address, defaults. In that order, so that it lets nothing through
 * before it is complete.
 */
import type { Timers } from '@weft/api';
import { type DriverFault, HERE_MARK, type HostIdentity, OVERLAY_MTU_MIN, type RouterObject } from '@weft/fabric';
import { HOST, type KernelAccess } from '../kernel/kernel-access.ts';
import { type BaseTable, DEVICE_SYSCTLS, ROUTER_SYSCTLS } from '../objects/base-tables.ts';
import {
  GATEWAY_V4,
  HERE_TABLE,
  isV4,
  labelOf,
  ROUTE_PROTOCOL,
  routerMac,
  routerNamespace,
  routerSourceV4,
  routerSourceV6,
  VXLAN_DEVICE,
  VXLAN_PORT,
} from '../objects/names.ts';
import { UNREACHABLE_METRIC } from '../read/route-sorter.ts';
import type { RouterTraces } from '../read/traces.ts';
import { GONE, LineBatch, THERE } from './line-batch.ts';
import { type TunnelSettings, tunnelHolder } from './tunnel-holder.ts';
import { type Uplink, writeUplink } from './uplink.ts';

export type RouterWriterContext = Readonly<{
  access: KernelAccess;
  timers: Timers;
  identity: HostIdentity;
  mtu: number;
  table: BaseTable;
  frames?: BaseTable | undefined;
  uplink?: Uplink | undefined;
}>;

/** What of it may change while it is whole. At most what the underlay of this host leaves: rows may be older than that. */
const label = (router: RouterObject, { mtu }: RouterWriterContext): string =>
  `link set ${VXLAN_DEVICE} mtu ${Math.max(OVERLAY_MTU_MIN, Math.min(mtu, router.mtu ?? mtu))} alias "${labelOf({ pos: router.position })}"`;

/** For a router that is complete and only has an old position, or another MTU. */
export async function relabelRouter(context: RouterWriterContext, router: RouterObject): Promise<string | undefined> {
  const [fault] = await context.access.ip(routerNamespace(context.identity.index, router.vni), [label(router, context)]);
  return fault?.detail;
}

/** `atElements`: it may be the elements that nft refused. */
export type RouterFault = Omit<DriverFault, 'key'> & Readonly<{ atElements?: boolean }>;

/** Undefined when it is whole. `elements`, `ofFrames`: statements that fill its tables in the transactions that repair them, so that no rule is ever without what it looks up. */
export async function writeRouter(
  context: RouterWriterContext,
  router: RouterObject,
  traces: RouterTraces,
  elements: readonly string[],
  ofFrames: readonly string[] = [],
): Promise<RouterFault | undefined> {
  const { access, identity } = context;
  const { vni } = router;
  const namespace = routerNamespace(identity.index, vni);
  const kernel = (detail: string | undefined): Omit<DriverFault, 'key'> | undefined =>
    detail === undefined ? undefined : { what: 'kernel', detail };

  if (traces.namespace !== 'alive') {
    const lines = new LineBatch();
    if (traces.namespace === 'dead') lines.add('', `netns del ${namespace}`, GONE);
    lines.add('', `netns add ${namespace}`, THERE);
    const fault = kernel((await lines.run((each) => access.ip(HOST, each))).get(''));
    if (fault !== undefined) return fault;
  }
  if (traces.sysctlsWrong) {
    const writes = [...ROUTER_SYSCTLS].map(([name, value]) => `echo ${value} > /proc/sys/net/${name}`);
    for (const [files, value] of DEVICE_SYSCTLS)
      writes.push(`for each in /proc/sys/net/${files}; do echo ${value} > $each || exit 1; done`);
    const { code, output } = await access.shell(namespace, writes.join(' && '));
    if (code !== 0) return { what: 'kernel', detail: output.trim() };
  }
  const { how, doomed } = traces.table;
  if (how !== 'none' || elements.length > 0) {
    const fresh = traces.namespace !== 'alive';
    const table = how === 'none' ? [] : [how === 'refill' || fresh ? context.table.refill(doomed) : context.table.rebuild];
    const said = await access.nft(namespace, [...table, ...elements].join('; '));
    if (said !== undefined) return { what: 'kernel', detail: said, atElements: elements.length > 0 };
  }
  const inside = (lines: LineBatch) => lines.run((each) => access.ip(namespace, each));
  if (traces.tunnel === 'wrong' || traces.tunnel === 'plain') {
    const fault = kernel((await inside(new LineBatch().add('', `link del ${VXLAN_DEVICE}`, GONE))).get(''));
    if (fault !== undefined) return fault;
  }
  if (traces.tunnel !== 'ok') {
    const options = `id ${vni} dstport ${VXLAN_PORT} local ${identity.underlay} nolearning${isV4(identity.underlay) ? '' : ' udp6zerocsumrx'} gbp`;
    const device = `${VXLAN_DEVICE} netns ${namespace} address ${routerMac(vni, identity.index)}`;
    const fault = await makeTunnel(context, `link add ${device} type vxlan ${options}`, vni, namespace);
    if (fault !== undefined) return fault;
  }
  const fault = await writePublicSide(context, namespace, traces, ofFrames);
  if (fault !== undefined) return fault;
  const lines = new LineBatch()
    .add('', 'link set lo up')
    // Of the scope of a link, so that errors have the other one for their source.
    .add('', `addr del ${GATEWAY_V4}/32 dev lo`, GONE)
    .add('', `addr add ${GATEWAY_V4}/32 dev lo scope link`)
    .add('', `addr replace ${routerSourceV4(identity.index)}/32 dev lo`)
    .add('', `addr replace ${routerSourceV6(vni, identity.index)}/128 dev lo nodad`)
    .add('', `link set ${VXLAN_DEVICE} addrgenmode none`)
    .add('', `addr flush dev ${VXLAN_DEVICE}`)
    .add('', label(router, context))
    .add('', `link set ${VXLAN_DEVICE} up`)
    .add('', `route replace unreachable 0.0.0.0/0 metric ${UNREACHABLE_METRIC} proto ${ROUTE_PROTOCOL}`)
    .add('', `route replace unreachable ::/0 metric ${UNREACHABLE_METRIC} proto ${ROUTE_PROTOCOL}`);
  for (const stray of traces.strays.ip) lines.add('', stray, GONE);
  const strays = new LineBatch();
  for (const stray of traces.strays.bridge) strays.add('', stray, GONE);
  if (traces.strays.nft.length > 0) {
    const said = await access.nft(namespace, traces.strays.nft.join('; '));
    if (said !== undefined) return { what: 'kernel', detail: said };
  }
  const refusal = (await inside(lines)).get('');
  if (refusal !== undefined && /Address already in use/.test(refusal)) {
    // Tunnels share their port's socket only if they agree on checksums and marks.
    const other = ({ port, udp_zero_csum6_rx: zero, gbp }: TunnelSettings) => port === VXLAN_PORT && (zero !== true || gbp !== true);
    const holder = await tunnelHolder(access, other, { own: namespace, underlay: identity.underlay });
    return {
      what: 'not-ours',
      detail: `UDP port ${VXLAN_PORT} is taken on this host by ${holder ?? 'something that is no tunnel of a named namespace'}`,
    };
  }
  const said = refusal ?? (await strays.run((each) => access.bridge(namespace, each))).get('');
  if (said !== undefined || context.frames === undefined || context.uplink === undefined) return kernel(said);
  return kernel(await writeUplink(access, namespace, context.uplink));
}

/** What only the public side has, once there is a tunnel: the table of frames, and the rules that ask `here_routes`. */
async function writePublicSide(
  { access, frames }: RouterWriterContext,
  namespace: string,
  traces: RouterTraces,
  elements: readonly string[],
): Promise<RouterFault | undefined> {
  if (frames === undefined) return undefined;
  const { how, doomed } = traces.frames;
  const table = how === 'rebuild' ? [frames.rebuild] : how === 'refill' || traces.tunnel !== 'ok' ? [frames.refill(doomed)] : [];
  const said = table.length + elements.length > 0 ? await access.nft(namespace, [...table, ...elements].join('; ')) : undefined;
  if (said !== undefined) return { what: 'kernel', detail: said, atElements: elements.length > 0 };
  const mark = `0x${HERE_MARK.toString(16)}`;
  const rule = `pref ${HERE_TABLE} fwmark ${mark}/${mark} lookup ${HERE_TABLE}`;
  // One that is there stays: without it marked packets would go by the main table, and get lost. The kernel refuses it a second time.
  const script = ['-4', '-6'].map(
    (family) => `said=$(ip ${family} rule add ${rule} 2>&1) || case $said in *"File exists"*) ;; *) echo $said; false;; esac`,
  );
  const { code, output } = await access.shell(namespace, script.map((each) => `{ ${each}; }`).join(' && '));
  return code === 0 ? undefined : { what: 'kernel', detail: output.trim() };
}

/**
 * How often, and how far apart, a tunnel is tried whose VNI is in use: a namespace that is being destroyed frees it by itself. Only when it did not
 * is the holder looked for: a device elsewhere that looks like the holder may belong to another host with the same underlay address, on a wire of its
 * own.
 */
const TUNNEL_TRIES = 40;
const TUNNEL_PAUSE_MS = 25;

async function makeTunnel(
  { access, timers, identity: { underlay } }: RouterWriterContext,
  line: string,
  vni: number,
  namespace: string,
): Promise<Omit<DriverFault, 'key'> | undefined> {
  for (let tries = 1; ; tries++) {
    const [fault] = await access.ip(HOST, [line]);
    if (fault === undefined) return undefined;
    if (!/VNI already exists|File exists/.test(fault.detail)) return { what: 'kernel', detail: fault.detail };
    if (tries === TUNNEL_TRIES) {
      const holder = await tunnelHolder(access, ({ id }) => id === vni, { own: namespace, underlay });
      return { what: 'not-ours', detail: `VNI ${vni} exists already on this host: ${holder ?? 'by a device in no named namespace'}` };
    }
    await timers.pause(TUNNEL_PAUSE_MS);
  }
}

/** Removes all of it, devices first: a namespace that is still held somewhere must not keep the VNI. */
export async function eraseRouter(
  { access, identity }: RouterWriterContext,
  vni: number,
  namespaceState: RouterTraces['namespace'],
  devices: readonly string[],
): Promise<string | undefined> {
  const namespace = routerNamespace(identity.index, vni);
  if (namespaceState === 'alive') {
    const lines = new LineBatch();
    for (const device of devices) lines.add(device, `link set ${device} down group ${DOOMED_GROUP}`, GONE);
    if (devices.length > 0) lines.add('', `link del group ${DOOMED_GROUP}`, GONE);
    lines.add('', `link del ${VXLAN_DEVICE}`, GONE);
    const fault = (await lines.run((each) => access.ip(namespace, each))).get('');
    if (fault !== undefined) return fault;
  }
  await access.forget(namespace);
  return (await new LineBatch().add('', `netns del ${namespace}`, GONE).run((each) => access.ip(HOST, each))).get('');
}

/** Devices of this group go at once: each alone costs 20 ms of waiting for the kernel. */
export const DOOMED_GROUP = 4789;
