/**
 * The packet evaluator: says what the fabric does with one packet, where, and which rows decided. A pure function of the rows of all hosts; it asks only for
 * those that the packet meets (`RowIndex`). What this version's kernels do not program yet is in docs/explain.md.
 *
 *   guest ─> router of its network ────────────────────────> [tunnel or veth] ─> router of the receiver's network ─> guest
 *            source check, redirect, route, hop, egress,                          reverse path, hop, ingress
 *            ingress of a receiver on this host     │                                          ▲
 *                                        publish    ▼                                          │
 *                                        public side of the host ──> edge ──> internet         │
 *                                                   └── receive: a public address of the fabric┘ <── edge <── internet
 *
 * Features join in at `redirect`, `filter`, `publish` and `receive` (`FeatureSteps`).
 */
import { bitsOf, canonicalIp, familyOfIp, holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import { balancingSteps } from '../balancing/balancing.steps.ts';
import { ROUTER_RANGES } from '../edges/public-side.ts';
import { natSteps } from '../nat/nat.steps.ts';
import { policySteps } from '../policy/policy.steps.ts';
import { type FoundRow, type RowTables, TableRows } from '../rows/row-index.ts';
import { type PlacementRow, PUBLIC_VNI } from '../rows/rows.ts';
import { virtualIpSteps } from '../virtual-ips/virtual-ips.steps.ts';
import { GATEWAYS } from './gateways.ts';
import { martianDestination, martianSource } from './martian.ts';
import type { Ending, Header, Packet, Path, Verdict } from './packet.ts';
import { type SeenDestination, visibleFrom } from './visible.ts';
import { type FabricModel, type FeatureSteps, type Place, Walk, type Way } from './walk.ts';

const FEATURES: readonly FeatureSteps[] = [virtualIpSteps, balancingSteps, policySteps, natSteps];
/** On the link of each guest, as its router has it (RFC 4291 2.5.6). */
const LINK_LOCAL = 'fe80::/64';

type Walked = Readonly<{ walk: Walk; ending: Ending; receiver?: Place }>;

export function evaluate(model: FabricModel, packet: Packet): Verdict {
  const walked = packet.from === undefined ? fromInternet(model, packet) : fromGuest(model, packet, packet.from);
  return { paths: walked.map((each) => pathOf(model, each)) };
}

/** `tables` by name, with rows as they come over the bus. O(rows of the tables that the packet meets). */
export function evaluateIn(tables: RowTables, packet: Packet): Verdict {
  return evaluate({ rows: new TableRows(tables) }, packet);
}

function pathOf(model: FabricModel, walked: Walked): Path {
  const { walk, ending } = walked;
  const answer = answerTo(model, walked);
  return { ...ending, share: walk.share, packet: walk.header, steps: walk.steps, ...(answer && { answer }) };
}

// ---- beginnings ----

function fromGuest(model: FabricModel, packet: Packet, nic: string): readonly Walked[] {
  const placement = new Walk(model, { sent: { protocol: packet.protocol, src: '', dst: '' } }).placement(nic);
  const family = packet.dst.includes(':') ? 'IPv6' : 'IPv4';
  const src = packet.src ?? placement?.row.ips.find((ip) => familyOfIp(ip) === family) ?? '';
  const sent = headerOf({ ...packet, src });
  const host = placement?.table.slice('placements.'.length) ?? '';
  const sender = placement && { vni: placement.row.vni, nic, host };
  const walk = new Walk(model, {
    sent: sent ?? { protocol: packet.protocol, src, dst: packet.dst },
    sender,
    hopsLeft: packet.hopLimit ?? 64,
  });
  const ended = begin(walk, packet, placement, sent === undefined);
  return ended !== undefined || sender === undefined ? [{ walk, ending: ended ?? { outcome: 'answered' } }] : fromRouter(walk, sender);
}

/** Up to the router: what the sender's port lets through. */
function begin(walk: Walk, packet: Packet, placement: FoundRow<PlacementRow> | undefined, isMalformed: boolean): Ending | undefined {
  const place = walk.sender;
  if (place === undefined || placement === undefined) {
    const nic = packet.from ?? '';
    return walk.drop('NotPlaced', '', walk.model.unplaced?.of(nic) ?? `no host has the interface ${nic}`);
  }
  const { row } = placement;
  const { host } = place;
  walk.vni = place.vni;
  if (walk.hostRow(host) === undefined) return walk.drop('NotPlaced', host, `host ${host} is not registered`);
  walk.step('guest', host, `${row.namespace}/${row.name} sends in network ${row.network} (VNI ${row.vni})`, [placement]);
  if (!walk.isUp(placement)) return walk.drop('LinkDown', host, 'the link is down until isolation is complete', [placement]);
  const { src, dst } = walk.header;
  if (src === '' && canonicalIp(dst) !== undefined)
    return walk.drop('Malformed', host, `${row.namespace}/${row.name} has no ${familyOfIp(dst)} address to send to ${dst} from`, [
      placement,
    ]);
  if (isMalformed) return walk.drop('Malformed', host, `${src || 'nothing'} to ${packet.dst} is no pair of addresses of one family`);
  const mac = (packet.mac ?? row.mac).toLowerCase();
  const range = row.prefixes?.find((each) => isIn(each, src));
  const isOwned = row.ips.includes(src) || (range !== undefined && !GATEWAYS.has(src));
  if (mac !== row.mac || !isOwned)
    return walk.drop('SourceNotOwned', host, `${src} at ${mac} is not an address of this interface`, [placement]);
  walk.step('anti-spoof', host, `${src} at ${mac} is ${range === undefined ? 'its own' : `in its range ${range}`}`, [placement]);
  const martian = martianSource(src);
  if (martian !== undefined) return walk.drop('Martian', host, `no router forwards what comes from there: ${martian}`);
  if (!GATEWAYS.has(dst)) return undefined;
  walk.step('answer', host, `${dst} is the router, which answers itself`);
  return { outcome: 'answered' };
}

function fromInternet(model: FabricModel, packet: Packet): readonly Walked[] {
  const sent = headerOf({ ...packet, src: packet.src ?? (packet.dst.includes(':') ? '2001:db8::' : '192.0.2.0') });
  const walk = new Walk(model, {
    sent: sent ?? { protocol: packet.protocol, src: packet.src ?? '', dst: packet.dst },
    hopsLeft: packet.hopLimit ?? 64,
  });
  if (sent === undefined)
    return [dropped(walk, walk.drop('Malformed', '', `${packet.src} to ${packet.dst} is no pair of addresses of one family`))];
  const edge = walk.usableEdges[0];
  if (edge === undefined) return [dropped(walk, walk.drop('NoEdge', '', 'no host has an uplink for public packets'))];
  walk.step('internet', edge.row.host, `it arrives from the internet at ${edge.row.host}, as it would at any edge`, [edge]);
  const martian = martianSource(sent.src);
  if (martian !== undefined)
    return [dropped(walk, walk.drop('Martian', edge.row.host, `no edge forwards what comes from there: ${martian}`))];
  const ofRouters = ROUTER_RANGES.find((range) => isIn(range, sent.src));
  if (ofRouters !== undefined)
    return [dropped(walk, walk.drop('Martian', edge.row.host, `${sent.src} is in ${ofRouters}, which routers of the fabric have inside`))];
  return onPublicSide(walk, edge.row.host, true);
}

function headerOf({ protocol, src = '', dst, srcPort, dstPort }: Packet): Header | undefined {
  const [from, to] = [canonicalIp(src), canonicalIp(dst)];
  if (from === undefined || to === undefined || familyOfIp(from) !== familyOfIp(to)) return undefined;
  const hasPorts = protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP';
  return {
    protocol,
    src: from,
    ...(hasPorts && srcPort !== undefined && { srcPort }),
    dst: to,
    ...(hasPorts && dstPort !== undefined && { dstPort }),
  };
}

// ---- in the router of the sender ----

/** From the router of the sender's network on the sender's host. */
function fromRouter(walk: Walk, at: Place): readonly Walked[] {
  if (!walk.isAnswer) {
    for (const { redirect } of FEATURES) {
      const ways = redirect?.(walk, at);
      if (ways === undefined) continue;
      if ('outcome' in ways) return [{ walk, ending: ways }];
      return ways.flatMap((way) => {
        const fork = walk.fork(way.share);
        fork.rewrite(way.at, at.host, way.detail, way.rows, way.header);
        fork.translatedIn = way.vni ?? at.vni;
        return routed(fork, at);
      });
    }
  }
  return routed(walk, at);
}

function routed(walk: Walk, at: Place): readonly Walked[] {
  const { host, vni } = at;
  const { dst } = walk.header;
  const martian = martianDestination(dst);
  if (martian !== undefined) {
    // Of these a router has a route, back to the link that the packet came from: hop limit and policies are asked before it gets lost there.
    const refused = isIn(LINK_LOCAL, dst) ? (walk.hop(host, 'the router') ?? filtered(walk, 'egress', host, undefined)) : undefined;
    return [dropped(walk, refused ?? walk.drop('Martian', host, `no router forwards what goes there: ${martian}`))];
  }
  const seen = routeOf(walk, at, dst);
  if (seen === undefined) return published(walk, at);
  const isHere = seen.host === host;
  walk.step(
    'route',
    host,
    `${dst} is ${seen.destination} of ${walk.nameOf(seen.nic)}${seen.vni === vni ? '' : ` in the peered network with VNI ${seen.vni}`}${isHere ? ', on this host' : `, on host ${seen.host}`}`,
    seen.rows,
  );
  const late = walk.hop(host, 'the router');
  if (late !== undefined) return [dropped(walk, late)];
  const receiver: Place = { vni: seen.vni, nic: seen.nic, host: seen.host };
  const refused = filtered(walk, 'egress', host, receiver);
  if (refused !== undefined) return [dropped(walk, refused)];
  if (isHere && seen.vni === vni) return delivered(walk, receiver, isHairpin(walk, receiver));
  const far = walk.hostRow(seen.host);
  if (isHere) {
    walk.step('peering', host, `to the router of VNI ${seen.vni} on this host`);
    walk.vni = undefined;
  } else {
    const lost = tunnelled(walk, seen.vni, host, seen.host, far);
    if (lost !== undefined) return [dropped(walk, lost)];
  }
  return arrived(walk, receiver, isHere ? vni : undefined);
}

/** Where the router of a network on a host sends packets: of what the network sees, what the host knows of. */
function routeOf(walk: Walk, { vni, host }: Pick<Place, 'vni' | 'host'>, address: string): SeenDestination | undefined {
  const { used, shadowed } = visibleFrom(walk.rows, vni, address);
  for (const seen of used === undefined ? [] : [used, ...shadowed]) {
    if (seen.vni !== vni && walk.follows(host, seen.vni) === undefined) continue;
    // An address on this host is one of a port; one elsewhere needs to be on a host that is known.
    if (seen.host === host ? walk.placement(seen.nic, host) !== undefined : walk.hostRow(seen.host) !== undefined) return seen;
  }
  return undefined;
}

/** Whether the router gives a packet back to its sender, and from the address that was asked. */
function isHairpin(walk: Walk, receiver: Place): boolean {
  if (walk.header.src !== walk.header.dst || walk.translatedIn === undefined) return false;
  return walk.translatedIn === receiver.vni || FEATURES.some(({ returns }) => returns?.(walk, receiver) === true);
}

function filtered(walk: Walk, direction: 'egress' | 'ingress', host: string, receiver: Place | undefined): Ending | undefined {
  for (const { filter } of FEATURES) {
    const ending = filter?.(walk, direction, host, { sender: walk.sender, receiver });
    if (ending !== undefined) return ending;
  }
  return undefined;
}

/** `vni`: that of the receiver's network, or the public one. */
function tunnelled(walk: Walk, vni: number, from: string, to: string, far: ReturnType<Walk['hostRow']>): Ending | undefined {
  const near = walk.hostRow(from);
  if (far === undefined || near === undefined) return walk.drop('NoRoute', from, `host ${far === undefined ? to : from} is not registered`);
  walk.step('tunnel', from, `VXLAN ${vni} to ${to} (${far.row.underlay})`, [far]);
  walk.vni = undefined;
  walk.step('guard', to, `${from} (${near.row.underlay}) is a known host`, [near]);
  return undefined;
}

/** At the router of the receiver's network on its host. `peer`: the network it comes from on this host; else it comes through the tunnel. */
function arrived(walk: Walk, receiver: Place, peer: number | undefined): readonly Walked[] {
  const { host, vni } = receiver;
  if (walk.routerOn(host, vni) === undefined) return [dropped(walk, walk.drop('NoRouter', host, `network ${vni} is not on this host yet`))];
  walk.vni = vni;
  const { src } = walk.header;
  const back = routeOf(walk, receiver, src);
  const isBack = back !== undefined && (peer === undefined ? back.host !== host : back.host === host && back.vni === peer);
  if (!isBack)
    return [
      dropped(
        walk,
        walk.drop(
          'ReversePath',
          host,
          `from here, ${src} is not ${peer === undefined ? 'behind the tunnel' : `in network ${peer}`}`,
          back?.rows,
        ),
      ),
    ];
  walk.step('reverse-path', host, `an answer to ${src} would go back the same way`, back.rows);
  const late = walk.hop(host, 'the router');
  return late === undefined ? delivered(walk, receiver, false) : [dropped(walk, late)];
}

/** In the last router. `isHairpin`: it came back to its sender, through a public or balanced address. */
function delivered(walk: Walk, receiver: Place, isHairpin: boolean): readonly Walked[] {
  const { host, nic, vni } = receiver;
  const placement = walk.placement(nic, host);
  if (placement === undefined || placement.row.vni !== vni)
    return [dropped(walk, walk.drop('NoRoute', host, `${walk.header.dst} is not on this host yet`))];
  const refused = filtered(walk, 'ingress', host, receiver);
  if (refused !== undefined) return [dropped(walk, refused)];
  if (isHairpin && !walk.isAnswer) {
    const src = walk.sent.dst;
    walk.rewrite('hairpin', host, `it comes back to its sender, from the address that was asked`, [], { ...walk.header, src });
  }
  if (!walk.isUp(placement))
    return [dropped(walk, walk.drop('LinkDown', host, 'the link of the receiver is down until isolation is complete', [placement]))];
  walk.step('deliver', host, `to ${placement.row.namespace}/${placement.row.name}`, [placement]);
  return [{ walk, ending: { outcome: 'delivered', to: nic }, receiver }];
}

// ---- the public side ----

/** From the router of a network to the public side of its host. */
function published(walk: Walk, at: Place): readonly Walked[] {
  const { host, vni } = at;
  const { dst } = walk.header;
  const unplaced = walk.model.unplaced?.at(vni, dst);
  const noRoute = (): readonly Walked[] => {
    const { hidden, used, shadowed } = visibleFrom(walk.rows, vni, dst);
    const here = [...(used === undefined ? [] : [used]), ...shadowed];
    const why =
      here[0] !== undefined
        ? `, and what is there (${walk.nameOf(here[0].nic)}) is not known to this host yet`
        : hidden[0] !== undefined
          ? `: ${walk.nameOf(hidden[0].nic)} in the peered network with VNI ${hidden[0].vni} is not exposed to it`
          : unplaced !== undefined
            ? `: ${unplaced}`
            : `: nothing has it there, and what is to leave for the internet needs a VirtualIP or a NATGateway`;
    return [dropped(walk, walk.drop('NoRoute', host, `network ${vni} has no route to ${dst} here${why}`, (here[0] ?? hidden[0])?.rows))];
  };
  // Inside, nothing has these addresses.
  if (visibleFrom(walk.rows, vni, dst).used !== undefined || !isPublishable(walk, at)) return noRoute();
  const why = unplaced === undefined ? `${dst} is not in this network` : `${unplaced}; so ${dst} is to routers like one that nothing has`;
  walk.step('route', host, `${why}: it leaves for the public side`);
  const late = walk.hop(host, 'the router');
  if (late !== undefined) return [dropped(walk, late)];
  const refused = filtered(walk, 'egress', host, undefined);
  if (refused !== undefined) return [dropped(walk, refused)];
  for (const { publish } of FEATURES) if (publish?.(walk, at) === true) break;
  return onPublicSide(walk, host, false);
}

/** Whether an interface has a public address, or ports of one, for what it sends from this source. */
function isPublishable(walk: Walk, at: Place): boolean {
  const trial = walk.fork(1);
  return FEATURES.some(({ publish }) => publish?.(trial, at) === true);
}

/** `isFromOutside`: it has just come in at this host, an edge. */
function onPublicSide(walk: Walk, host: string, isFromOutside: boolean): readonly Walked[] {
  walk.vni = undefined;
  const late = walk.hop(host, 'the public side of the host');
  if (late !== undefined) return [dropped(walk, late)];
  for (const { receive } of FEATURES) {
    const ways = receive?.(walk, host);
    if (ways === undefined) continue;
    if ('outcome' in ways) return [{ walk, ending: ways }];
    return ways.flatMap((way) => (way.place === undefined ? [] : intoNetwork(walk, way, way.place, host)));
  }
  if (isFromOutside) {
    const { dst } = walk.header;
    const whose = walk.model.unplaced?.behind(dst);
    const why = whose === undefined ? `${dst} is no public address of the fabric` : `${dst} leads nowhere: ${whose}`;
    return [dropped(walk, walk.drop('NoRoute', host, why))];
  }
  return [toInternet(walk, host)];
}

/** Out of the fabric: here if the host has an uplink, else at some edge. */
function toInternet(walk: Walk, host: string): Walked {
  const edge = walk.edgeFor(host);
  if (edge === undefined) return dropped(walk, walk.drop('NoEdge', host, 'no host has an uplink for public packets'));
  const at = edge.row.host;
  const lost = at === host ? undefined : toEdge(walk, host, at);
  if (lost !== undefined) return dropped(walk, lost);
  walk.step('edge', at, `it leaves for the internet at ${at}`, [edge]);
  return { walk, ending: { outcome: 'internet' } };
}

function toEdge(walk: Walk, host: string, edge: string): Ending | undefined {
  return tunnelled(walk, PUBLIC_VNI, host, edge, walk.hostRow(edge)) ?? walk.hop(edge, 'the edge');
}

/** From the public side of one host into a network on that host or another one. The destination is translated where the receiver is. */
function intoNetwork(walk: Walk, way: Way, place: Place, host: string): readonly Walked[] {
  const fork = walk.fork(way.share);
  let at = host;
  if (place.host !== host) {
    // Where a public address leads is known at its own host, and at edges.
    const edge = fork.edgeFor(host)?.row.host;
    if (edge === undefined) return [dropped(fork, fork.drop('NoEdge', host, 'no host has an uplink for public packets'))];
    const lost = edge === host ? undefined : toEdge(fork, host, edge);
    if (lost !== undefined) return [dropped(fork, lost)];
    at = edge;
  }
  if (place.host !== at) {
    const lost =
      tunnelled(fork, PUBLIC_VNI, at, place.host, fork.hostRow(place.host)) ?? fork.hop(place.host, 'the public side of the host');
    if (lost !== undefined) return [dropped(fork, lost)];
  }
  if (fork.routerOn(place.host, place.vni) === undefined)
    return [dropped(fork, fork.drop('NoRouter', place.host, `network ${place.vni} is not on this host yet`))];
  fork.vni = place.vni;
  fork.rewrite(way.at, place.host, way.detail, way.rows, way.header);
  if (routeOf(fork, place, fork.header.src) !== undefined)
    return [dropped(fork, fork.drop('ReversePath', place.host, `${fork.header.src} is an address inside the network`))];
  if (way.ends !== undefined) return [{ walk: fork, ending: way.ends(fork) }];
  const late = fork.hop(place.host, 'the router');
  return late === undefined ? delivered(fork, place, false) : [dropped(fork, late)];
}

// ---- the answer ----

/** What becomes of an answer of the receiver. Routers that translated the packet translate it back. */
function answerTo(model: FabricModel, { walk, ending, receiver }: Walked): Path['answer'] {
  if (ending.outcome !== 'delivered' || receiver === undefined) return undefined;
  const { sent, sender } = walk;
  const { protocol, src, dst, srcPort, dstPort } = walk.header;
  const header: Header = {
    protocol,
    src: dst,
    ...(dstPort !== undefined && { srcPort: dstPort }),
    dst: src,
    ...(srcPort !== undefined && typeof srcPort === 'number' && { dstPort: srcPort }),
  };
  const back = new Walk(model, { sent: header, sender: receiver, answers: walk });
  back.vni = receiver.vni;
  const seenBySender = { ...header, src: sent.dst, dst: sent.src };
  const isPublic = sender === undefined || (src !== sent.src && src !== sent.dst);
  let way: Walked;
  if (sender === undefined || isPublic) way = answeredInPublic(back, walk, receiver);
  else if (src === sent.dst && src !== sent.src) {
    back.rewrite('answer', receiver.host, 'the router sends it back to where it came from', [], seenBySender);
    way = delivered(back, sender, false)[0] as Walked;
  } else {
    way = routed(back, receiver)[0] as Walked;
    if (isAt(way.ending, sender) && dst !== sent.dst)
      back.rewrite('answer', sender.host, `its router gives it the source ${sent.dst}`, [], seenBySender);
  }
  return { ending: way.ending, isBack: isAt(way.ending, sender), packet: back.header, steps: back.steps };
}

/** Whether it ends at who sent the packet. */
function isAt(ending: Ending, sender: Place | undefined): boolean {
  return ending.outcome === 'delivered' ? ending.to === sender?.nic : ending.outcome === 'internet' && sender === undefined;
}

/** The answer to what came through the public side. */
function answeredInPublic(back: Walk, { sent, sender }: Walk, { host }: Place): Walked {
  back.rewrite('answer', host, `its router gives it the source ${sent.dst}`, [], { ...back.header, src: sent.dst });
  back.vni = undefined;
  const late = back.hop(host, 'the router') ?? back.hop(host, 'the public side of the host');
  if (late !== undefined) return dropped(back, late);
  if (sender === undefined) return toInternet(back, host);
  if (sender.host !== host) {
    const lost =
      tunnelled(back, PUBLIC_VNI, host, sender.host, back.hostRow(sender.host)) ?? back.hop(sender.host, 'the public side of the host');
    if (lost !== undefined) return dropped(back, lost);
  }
  back.vni = sender.vni;
  back.rewrite('answer', sender.host, `its router sends it to ${sent.src}`, [], { ...back.header, dst: sent.src });
  const last = back.hop(sender.host, 'the router');
  return last === undefined ? (delivered(back, sender, false)[0] as Walked) : dropped(back, last);
}

// ---- small things ----

function dropped(walk: Walk, ending: Ending): Walked {
  return { walk, ending };
}

function isIn(range: string, address: string): boolean {
  const prefix = parsePrefix(range);
  const family = familyOfIp(address);
  const single: IpPrefix = { address, length: bitsOf(family), family };
  return prefix !== undefined && holdsRange(rangeOf(prefix), rangeOf(single));
}
