/**
 * A trace through the real kernels: a marked packet is sent from the guest of the sender, agents say where it came by, and that is compared with what the model
 * says, router by router; the public side of a host is a router, too. It is kept back before it reaches a guest, or leaves for the internet, unless that is asked
 * for.
 *
 *   open on each host that may see it ──> send at the sender's, or at an edge ──> look, until all is seen or time is up ──> end everywhere
 */
import { type Facts, factsOf, type JsonObject } from '@weft/api';
import { BusError, DecodeError, decodeJsonObject, encodeJson, subjects } from '@weft/bus';
import { type Header, type Packet, PUBLIC_VNI, type RowResource, UPLINK_DEVICE } from '@weft/fabric';
import { Host, Network, NetworkInterface } from '@weft/network';
import type { GatewayContext } from '../context.ts';
import { badRequest } from '../http/failures.ts';
import { type ToldPath, type Trace, trace } from './trace.ts';
import { packetOf, type TraceRequest } from './trace-request.ts';

/** Hosts beside those on the way, which would see where it goes wrong. */
const OTHERS_MAX = 16;
const ASK_MS_MAX = 5_000;
const LOOK_EVERY_MS = 100;
/** For all to be seen; and, when there is nothing more to wait for, for what should not be. */
const SEEN_MS_MAX = 2_000;
const REST_MS = 300;
const FIRST_PORT = 49_152;
const PUBLIC_SIDE = 'the public side';

type Hop = Readonly<{
  host: string;
  vni: number;
  network?: string;
  device: string;
  leaves: boolean;
  nic?: string;
  src: string;
  dst: string;
}>;
type Stopped = Readonly<{ host: string; vni: number; device: string; nic?: string }>;

export type Live = Readonly<{
  /** Whether kernels do what the model says, as far as it was seen; absent when nothing could be sent. */
  agrees?: boolean;
  /** `delivered` to a guest or the internet, `kept back` before it, or not seen any more after the last hop. */
  outcome: 'delivered' | 'kept back' | 'gone' | 'not sent';
  /** Absent: the internet, or nobody. */
  to?: RowResource;
  /** In order. Those of VNI 1 are on the public side. */
  hops: readonly Hop[];
  /** The first place where kernels do something else. */
  differs?: Readonly<{ host: string; network?: string; detail: string }>;
  /** Hosts that could not be watched, and why. */
  unwatched: readonly Readonly<{ host: string; why: string }>[];
}>;

/** Throws 400 for what cannot be sent. */
export async function liveTrace(
  context: GatewayContext,
  request: TraceRequest,
  delivers: boolean,
): Promise<Trace & Readonly<{ live: Live }>> {
  const { platform } = context;
  const facts = factsOf(platform.follower);
  const chance = Number.parseInt(platform.ids.uuid().slice(0, 8), 16);
  const packet = packetOf(request, facts);
  if (packet.from === undefined && packet.src === undefined) throw badRequest('a live probe comes from somebody: from=internet:<address>');
  if (packet.protocol === 'other') throw badRequest('a live probe is tcp, udp, sctp or icmp');
  const hasPorts = packet.protocol !== 'ICMP';
  if (hasPorts && packet.dstPort === undefined) throw badRequest('a live probe goes to a port: to=10.0.0.9:5432');
  const sourcePort = packet.srcPort ?? FIRST_PORT + (chance % (65_536 - FIRST_PORT));
  const told = await trace(context, hasPorts ? { ...request, sourcePort } : request);
  const [path] = told.paths;
  const sender = told.steps[0]?.host ?? '';
  const src = path === undefined ? undefined : sourceOf(facts, packet, path);
  if (path === undefined || sender === '' || src === undefined) {
    const why = told.steps.at(-1)?.detail ?? '';
    return { ...told, live: { outcome: 'not sent', hops: [], unwatched: [{ host: sender, why }] } };
  }
  const header: Header = {
    protocol: packet.protocol,
    src,
    dst: packet.dst,
    ...(hasPorts && { srcPort: sourcePort, dstPort: packet.dstPort ?? 0 }),
  };
  const probe = new Probe(context, facts, { id: chance % 10 ** 9, path, delivers });
  const nic = packet.from === undefined ? {} : { nic: packet.from };
  return { ...told, live: await probe.run({ sender, ...nic, header, hopLimit: packet.hopLimit ?? 64 }) };
}

function sourceOf(facts: Facts, { from, src, dst }: Packet, { steps }: ToldPath): string | undefined {
  if (from === undefined) return steps[0]?.at === 'internet' ? src : undefined;
  if (!steps.some(({ at }) => at === 'anti-spoof')) return undefined;
  for (const name of facts.keys(NetworkInterface, 'uid', from)) {
    const ips = (facts.get(NetworkInterface, name)?.object.status as JsonObject | undefined)?.['ips'] as readonly string[] | undefined;
    return ips?.find((ip) => ip.includes(':') === dst.includes(':'));
  }
  return undefined;
}

type Sending = Readonly<{ sender: string; nic?: string; header: Header; hopLimit: number }>;
type Place = Readonly<{ host: string; vni: number }>;

class Probe {
  readonly #context: GatewayContext;
  readonly #facts: Facts;
  readonly #id: number;
  readonly #path: ToldPath;
  readonly #delivers: boolean;
  /** Routers on the way, by the model. */
  readonly #expected: readonly Place[];

  constructor(context: GatewayContext, facts: Facts, { id, path, delivers }: Readonly<{ id: number; path: ToldPath; delivers: boolean }>) {
    this.#context = context;
    this.#facts = facts;
    this.#id = id;
    this.#path = path;
    this.#delivers = delivers;
    const places = placesOn(path);
    this.#expected = places.filter((each, at) => places.findIndex((other) => isSamePlace(each, other)) === at);
  }

  async run({ sender, ...sent }: Sending): Promise<Live> {
    const hosts = this.#hosts();
    const vnis = [...new Set(this.#expected.map(({ vni }) => vni))];
    const { protocol } = sent.header;
    const opened = new Map<string, string | undefined>();
    try {
      const open = { op: 'open', vnis, protocol, delivers: this.#delivers };
      await Promise.all(hosts.map(async (host) => opened.set(host, (await this.#ask(host, open)).error)));
      const unwatched = [...opened].flatMap(([host, why]) => (why === undefined ? [] : [{ host, why }]));
      const away = unwatched.find(({ host }) => host === sender || (!this.#delivers && this.#expected.some((each) => each.host === host)));
      if (away !== undefined) return { outcome: 'not sent', hops: [], unwatched };
      const { error } = await this.#ask(sender, { op: 'send', ...sent, header: { ...sent.header } as JsonObject });
      if (error !== undefined) return { outcome: 'not sent', hops: [], unwatched: [{ host: sender, why: error }] };
      return { ...this.#told(await this.#watch([...opened].flatMap(([host, why]) => (why === undefined ? [host] : [])))), unwatched };
    } finally {
      await Promise.all([...opened.keys()].map((host) => this.#ask(host, { op: 'end' })));
    }
  }

  /** Those on the way first, then others that have a network of it. */
  #hosts(): readonly string[] {
    const onWay = this.#expected.map(({ host }) => host);
    const others = this.#expected.flatMap(({ vni }) => [...this.#facts.by(Host, 'vni', String(vni))].map(({ key }) => key.name));
    return [...new Set([...onWay, ...[...new Set(others)].slice(0, OTHERS_MAX)])];
  }

  async #watch(hosts: readonly string[]): Promise<Seen> {
    const { clock } = this.#context.platform;
    const untilMs = clock.monotonicMs() + SEEN_MS_MAX;
    let restUntilMs: number | undefined;
    for (;;) {
      const seen = await this.#look(hosts);
      const nowMs = clock.monotonicMs();
      // What comes too late, or where it should not, still has a moment.
      if (this.#differenceIn(seen) === undefined) restUntilMs ??= nowMs + REST_MS;
      if (nowMs >= Math.min(untilMs, restUntilMs ?? untilMs)) return seen;
      await clock.pause(LOOK_EVERY_MS);
    }
  }

  async #look(hosts: readonly string[]): Promise<Seen> {
    const found = await Promise.all(hosts.map(async (host) => ({ host, answer: await this.#ask(host, { op: 'look' }) })));
    const of = <T>(field: 'hops' | 'stopped'): T[] =>
      found.flatMap(({ host, answer }) => ((answer[field] ?? []) as readonly object[]).map((each) => ({ host, ...each }) as T));
    const turnOf = (hop: Hop): number => {
      const turn = this.#expected.findIndex((place) => isSamePlace(place, hop));
      return turn < 0 ? this.#expected.length : turn;
    };
    return { hops: of<Hop>('hops').sort((a, b) => turnOf(a) - turnOf(b)), stopped: of<Stopped>('stopped') };
  }

  #told(seen: Seen): Omit<Live, 'unwatched'> {
    const difference = this.#differenceIn(seen);
    const arrived = arrivedAt(seen);
    const hops = seen.hops.map((hop) => ({ ...hop, ...this.#network(hop.vni) }));
    const [name] = arrived?.nic === undefined ? [] : this.#facts.keys(NetworkInterface, 'uid', arrived.nic);
    return {
      agrees: difference === undefined,
      outcome: arrived === undefined ? 'gone' : this.#delivers ? 'delivered' : 'kept back',
      ...(arrived !== undefined &&
        !isOutside(arrived) && { to: { kind: 'NetworkInterface', ...name, ...(arrived.nic !== undefined && { uid: arrived.nic }) } }),
      hops,
      ...(difference && { differs: { host: difference.host, ...this.#network(difference.vni), detail: difference.detail } }),
    };
  }

  /** The first place at which kernels do something else than the model says. */
  #differenceIn(seen: Seen): Difference | undefined {
    const { outcome, reason } = this.#path;
    let last = 'it was sent';
    for (const place of this.#expected) {
      if (!seen.hops.some((hop) => isSamePlace(hop, place)))
        return { ...place, detail: `the model brings it here, and it was not seen; the last that was seen: ${last}` };
      last = `host ${place.host}, ${this.#nameOf(place.vni)}`;
    }
    const beyond = seen.hops.find((hop) => !this.#expected.some((place) => isSamePlace(hop, place)) && !this.#isBeside(hop));
    if (beyond !== undefined) return { ...beyond, detail: `it came here, where the model does not bring it (${reason ?? outcome})` };
    return this.#differenceAtEnd(arrivedAt(seen));
  }

  #differenceAtEnd(arrived: Stopped | undefined): Difference | undefined {
    const { outcome, reason, to, steps } = this.#path;
    const [end] = this.#expected.slice(-1);
    const at = { host: steps.at(-1)?.host ?? end?.host ?? '', vni: end?.vni ?? 0 };
    const came = arrived && `came out towards ${isOutside(arrived) ? 'the internet' : 'a guest'} on host ${arrived.host}`;
    if (outcome === 'internet') {
      if (arrived !== undefined && isOutside(arrived) && arrived.host === at.host) return undefined;
      return { ...at, detail: `the model lets it leave for the internet here, and it ${came ?? 'did not'}` };
    }
    if (outcome === 'delivered') {
      if (arrived === undefined) return { ...at, detail: 'the model delivers it, and it did not come out towards a guest' };
      if (!isOutside(arrived) && arrived.nic === to?.uid) return undefined;
      const other = isOutside(arrived) ? came : 'came out towards another interface';
      return { ...at, detail: `the model delivers it to ${to?.namespace}/${to?.name}, and it ${other}` };
    }
    if (arrived === undefined) return undefined;
    return { host: arrived.host, vni: arrived.vni, detail: `it ${came}, and the model says ${reason ?? outcome}` };
  }

  /** The model does not tell of each public side on the way to the next one. */
  #isBeside({ host, vni }: Place): boolean {
    return vni === PUBLIC_VNI && this.#path.steps.some((step) => step.host === host);
  }

  /** As a sentence has it. */
  #nameOf(vni: number): string {
    const { network } = this.#network(vni);
    return vni === PUBLIC_VNI ? PUBLIC_SIDE : `network ${network ?? vni}`;
  }

  #network(vni: number): Readonly<{ network?: string }> {
    if (vni === PUBLIC_VNI) return { network: PUBLIC_SIDE };
    const [name] = this.#facts.keys(Network, 'vni', String(vni));
    return name === undefined ? {} : { network: `${name.namespace}/${name.name}` };
  }

  async #ask(host: string, asked: JsonObject): Promise<Readonly<Record<string, unknown>> & Readonly<{ error?: string }>> {
    const { bus } = this.#context.platform;
    try {
      const data = encodeJson({ ...asked, id: this.#id });
      return decodeJsonObject(await bus.request(subjects.agent(host, 'live'), data, { timeoutMs: ASK_MS_MAX }), `a probe on ${host}`) as {
        error?: string;
      };
    } catch (error) {
      if (!(error instanceof BusError || error instanceof DecodeError)) throw error;
      return { error: `its agent does not answer: ${error.message}` };
    }
  }
}

type Seen = Readonly<{ hops: readonly Hop[]; stopped: readonly Stopped[] }>;
type Difference = Readonly<{ host: string; vni: number; detail: string }>;

/** Where it came out towards a guest, or the internet. */
function arrivedAt({ hops, stopped }: Seen): Stopped | undefined {
  return stopped[0] ?? hops.find((hop) => hop.leaves && (hop.device.startsWith('g') || isOutside(hop)));
}

function isOutside({ device }: Pick<Hop, 'device'>): boolean {
  return device === UPLINK_DEVICE;
}

/** The routers in which the model sees it. On the public side its steps are in no network. */
function placesOn({ steps }: ToldPath): readonly Place[] {
  let isPublic = false;
  return steps.flatMap(({ at, host, vni }): Place[] => {
    if (at === 'internet' || at === 'edge' || (at === 'tunnel' && vni === undefined)) isPublic = true;
    else if (vni !== undefined) isPublic = false;
    const place = vni ?? (isPublic ? PUBLIC_VNI : undefined);
    return host === '' || place === undefined ? [] : [{ host, vni: place }];
  });
}

function isSamePlace(a: Readonly<{ host: string; vni: number }>, b: Readonly<{ host: string; vni: number }>): boolean {
  return a.host === b.host && a.vni === b.vni;
}
