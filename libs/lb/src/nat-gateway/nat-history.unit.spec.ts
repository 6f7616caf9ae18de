/**
 * Random histories: whatever people, hosts and racing replicas do, a port of a public address has one holder at most at any position, also while it
 * rests (provider Appendix A, 1 to 4; resources 2.4). `HISTORIES=10000 npm run test:unit -- nat-history` runs more of them.
 */
import { type Change, conditionOf, type Fold, type Folded, familyOfIp, type PublicAddressFacts, type RecordedEvent } from '@weft/api';
import { below, type Random, randomOf } from '@weft/testing';
import type { NatHolder, NatSlots, Section } from '../index.ts';
import { addresses, gatewayKey, nicKey, Site } from '../testing/site.ts';
import { slotsPerAddress } from './port-ranges.ts';

const HISTORIES = Number(process.env['HISTORIES'] ?? 120);
const STEPS = 40;
const REST_MS = 240_000;
/** All names that histories use. */
const NICS = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'];
const GATEWAYS = ['gw', 'gw-late', 'gw6'];
const SIZES = [8_192, 16_384, 32_768, 16_384, 65_536];
const PUBLIC = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)] as T;

type Taken = Readonly<{ section: Section; stream: string; nic?: string; restsSince?: number; confirmed?: boolean }>;

/** Who has which ports of which address, according to the log alone. */
class Ports {
  readonly #taken = new Map<string, Taken[]>();
  /** Addresses that a gateway uses: ip -> stream of its slots. */
  readonly #used = new Map<string, string>();
  readonly #fold: () => Fold;

  constructor(fold: () => Fold) {
    this.#fold = fold;
  }

  take(change: Change): void {
    for (const event of change.append.events) this.#event(event);
    this.#owned();
  }

  #event({ type, data, stream, metadata }: RecordedEvent): void {
    const section = data as unknown as Section & { nic: string; early?: number[] };
    const { ip, port } = section;
    const list = this.#taken.get(ip) ?? [];
    const timeMs = Date.parse(metadata.time);
    const at = list.findIndex((each) => each.section.port === port);
    const found = list[at];
    switch (type) {
      case 'NatAddressUsed.v1':
        expect(this.#used.get(ip)).toBeUndefined();
        this.#used.set(ip, stream);
        return;
      case 'NatAddressDropped.v1':
        if (ip === undefined) return;
        expect(list).toEqual([]);
        this.#used.delete(ip);
        return;
      case 'NatSlotAllocated.v1': {
        expect(this.#used.get(ip)).toBe(stream);
        for (const each of section.early ?? []) {
          const rest = list.findIndex((one) => one.section.port === each);
          expect(list[rest]).toMatchObject({ confirmed: true, stream });
          list.splice(rest, 1);
        }
        const overlaps = list.filter((each) => each.section.port < port + section.ports && port < each.section.port + each.section.ports);
        expect(overlaps).toEqual([]);
        expect([port % section.ports, port >= 1_024, port + section.ports <= 65_536]).toEqual([0, true, true]);
        this.#taken.set(ip, [...list, { section: { ip, port, ports: section.ports }, stream, nic: section.nic }]);
        return;
      }
      case 'NatSlotReleased.v1': {
        expect(found).toMatchObject({ nic: section.nic, stream });
        list[at] = { section: (found as Taken).section, stream, restsSince: timeMs };
        return;
      }
      case 'NatSlotConfirmed.v1':
        list[at] = { ...(found as Taken), confirmed: true };
        return;
      case 'NatSlotRested.v1': {
        const since = found?.restsSince ?? Number.POSITIVE_INFINITY;
        expect(this.#isGoing(stream) || timeMs - since >= REST_MS).toBe(true);
        list.splice(at, 1);
        return;
      }
    }
  }

  /** Whether the gateway of these slots is going or gone: then its ranges need not rest for their time. */
  #isGoing(stream: string): boolean {
    const [, name = '', uid = ''] = stream.split('.');
    const gateway = this.#fold().get(gatewayKey(name));
    const lives = gateway?.status === 'live' && gateway.object.metadata.uid === uid;
    return !lives || gateway.object.metadata.deletionTimestamp !== undefined;
  }

  /** An address with ranges belongs to the gateway whose slots they are: nobody has given it back. */
  #owned(): void {
    for (const [ip, stream] of this.#used) {
      const [, name = '', uid = ''] = stream.split('.');
      const gateway = this.#fold().get(gatewayKey(name));
      const held = (gateway?.facts as PublicAddressFacts | undefined)?.publicAddresses?.held ?? {};
      expect({ ip, uid: gateway?.object.metadata.uid, held: Object.values(held).includes(ip) }).toEqual({ ip, uid, held: true });
    }
  }
}

class History {
  readonly site: Site;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = randomOf(seed);
    const lag = seed % 2 === 1 ? 0.5 : 0;
    this.site = new Site({ seed, duplicates: 0.4, lag, conflicts: lag / 2, pool: [...addresses(1 + below(this.#random, 4)), ...PUBLIC] });
    const ports = new Ports(() => this.site.world.fold);
    this.site.world.watch((change) => ports.take(change));
    this.site.network();
  }

  /** One random command or report. Loops may or may not run before the next one. */
  step(): void {
    const random = this.#random;
    const { site } = this;
    const { world } = site;
    const name = pick(random, NICS);
    const gateway = pick(random, GATEWAYS);
    const patch = (key: ReturnType<typeof nicKey>, value: object, subresource?: 'status') =>
      world.send({ verb: 'patch', key, patchType: 'merge', patch: value as never, ...(subresource && { subresource }) });
    const create = () => {
      const ips = [{ value: `10.0.0.${name.slice(1)}` }, ...(random() < 0.3 ? [{ value: `fd00::${name.slice(1)}` }] : [])];
      site.send('NetworkInterface', name, { networkRef: { name: 'net' }, ips });
    };
    const machine = () => {
      const spec = { machinePoolRef: { name: pick(random, ['host-a', 'host-b']) }, networkInterfaces: [slot(name)] };
      site.send('Machine', `m-${name}`, spec, 'compute.ironcore.dev/v1alpha1');
    };
    const actions: (() => unknown)[] = [
      create,
      create,
      create,
      create,
      machine,
      machine,
      () => world.send({ verb: 'delete', key: nicKey(name) }),
      () => world.send({ verb: 'delete', key: nicKey(name) }),
      () =>
        patch(
          { kind: 'Machine', namespace: 'ns', name: `m-${name}` },
          { spec: { machinePoolRef: { name: pick(random, ['host-a', 'host-b']) } } },
        ),
      () => patch(nicKey(name), { status: { virtualIP: random() < 0.5 ? '198.51.100.1' : null } }, 'status'),
      () => patch(nicKey(name), { metadata: { finalizers: random() < 0.3 ? ['example.com/hold'] : null } }),
      () =>
        site.send('NATGateway', gateway, {
          type: 'Public',
          ipFamily: gateway === 'gw6' ? 'IPv6' : 'IPv4',
          networkRef: { name: 'net' },
          portsPerNetworkInterface: pick(random, SIZES),
        }),
      () => patch(gatewayKey(gateway), { spec: { portsPerNetworkInterface: pick(random, SIZES) } }),
      () => patch(gatewayKey(gateway), { spec: { ipFamily: pick(random, ['IPv4', 'IPv4', 'IPv6']) } }),
      () => random() < 0.4 && world.send({ verb: 'delete', key: gatewayKey(gateway) }),
      () => pick(random, site.agents).report(),
      () => pick(random, site.agents).report(),
      () => world.pass(below(random, 150_000)),
    ];
    pick(random, actions)();
    if (random() < 0.6) world.settle();
  }

  /** All hosts report, and all rests and drains come to their end. */
  calm(): void {
    const { site } = this;
    site.world.settle();
    // Reports say something only when rows change, so one interface comes and goes.
    for (let round = 0; round < 3; round++) {
      for (const host of ['host-a', 'host-b'])
        site.nic(`extra-${host}`, [`10.9.${round}.${host.charCodeAt(5)}`], 'other').machine(`extra-${host}`, host);
      site.report();
      for (const host of ['host-a', 'host-b']) {
        site.world.delete(nicKey(`extra-${host}`));
        site.world.delete({ kind: 'Machine', namespace: 'ns', name: `m-extra-${host}` });
      }
      site.report();
      site.world.pass(300_000);
      site.report();
      site.world.pass(300_000);
    }
  }
}

const slot = (name: string) => ({ name: 'one', networkInterfaceRef: { name } });

function lived(seed: number): History {
  const history = new History(seed);
  history.site.network('other');
  for (let step = 0; step < STEPS; step++) history.step();
  history.calm();
  return history;
}

/** The gateways that should serve, oldest first of each family. */
function servingOf(site: Site): readonly Folded[] {
  const oldest = new Map<string, Folded>();
  for (const gateway of site.world.fold.list('NATGateway')) {
    if (gateway.object.metadata.deletionTimestamp !== undefined) continue;
    const { ipFamily } = gateway.object.spec as { ipFamily: string };
    const first = oldest.get(ipFamily);
    const born = (each: Folded) => each.facets['created']?.position ?? 0n;
    if (first === undefined || born(gateway) < born(first)) oldest.set(ipFamily, gateway);
  }
  return [...oldest.values()];
}

function isCandidate({ object }: Folded, family: string): boolean {
  const { ips = [], virtualIP = '' } = (object.status ?? {}) as { ips?: string[]; virtualIP?: string };
  const inFamily = (ip: string) => ip !== '' && familyOfIp(ip) === family;
  return ips.some(inFamily) && !inFamily(virtualIP);
}

describe.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))('On the random history of seed %i', (seed) => {
  it('no port has two holders, and in the end each interface has what it should have', () => {
    const history = lived(seed);
    const { site } = history;
    const { world } = site;
    expect(world.refusals).toEqual([]);
    const serving = servingOf(site);
    for (const gateway of serving) {
      const { name } = gateway.object.metadata;
      const { portsPerNetworkInterface: ports, ipFamily } = gateway.object.spec as { portsPerNetworkInterface: number; ipFamily: string };
      if (slotsPerAddress(ports) === 0) {
        expect(conditionOf(gateway.object, 'PortsUnsupported')?.status).toBe('True');
        continue;
      }
      const slots: NatSlots = site.slots(name);
      const candidates = [...world.fold.list('NetworkInterface')].filter((nic) => nicIn(nic, 'net') && isCandidate(nic, ipFamily));
      const served = candidates.filter(({ object }) => slots.holders.get(object.metadata.uid)?.section !== undefined);
      // Appendix A 3: used = min(requested, slots * addresses). One that is being deleted keeps what it has and gets nothing new.
      const wanting = candidates.filter(({ object }) => object.metadata.deletionTimestamp === undefined);
      const capacity = slotsPerAddress(ports) * [...slots.addresses.keys()].filter((ip) => familyOfIp(ip) === ipFamily).length;
      expect(served.length).toBeGreaterThanOrEqual(Math.min(wanting.length, capacity));
      expect(slots.holders.size).toBeGreaterThanOrEqual(served.length);
      if (slots.waiting.size > 0) expect(conditionOf(gateway.object, 'NATPortsExhausted')?.status).toBe('True');
      else expect(conditionOf(gateway.object, 'NATPortsExhausted')).toBeUndefined();
      for (const nic of wanting) expect(served.includes(nic) || slots.waiting.has(nic.object.metadata.uid)).toBe(true);
      // Appendix A 2: exactly one section each, of the present size, on the gateway's own addresses.
      for (const { object } of served) {
        const holder = slots.holders.get(object.metadata.uid);
        expect(holder?.drains).toEqual([]);
        expect(holder).toMatchObject({ section: { ports } });
        expect(site.ips(name)).toContain(holder?.section?.ip);
      }
    }
    // Appendix A 4, and nothing of gateways that do not serve.
    const uids = new Set(serving.map(({ object }) => object.metadata.uid));
    for (const [nic, record] of world.fold.records('nat-slots') as ReadonlyMap<string, NatHolder>) {
      const [state] = [...world.fold.by('NetworkInterface', 'uid', nic)];
      expect(state).toBeDefined();
      for (const { gateway } of record.holdings) {
        expect(uids).toContain(gateway.uid);
        const { ipFamily = '' } = (world.object(gatewayKey(gateway.name))?.spec ?? {}) as { ipFamily?: string };
        expect(isCandidate(state as Folded, ipFamily)).toBe(true);
      }
    }
    for (const gateway of world.fold.list('NATGateway')) {
      if (!uids.has(gateway.object.metadata.uid)) expect(site.ips(gateway.object.metadata.name)).toEqual([]);
    }
    // When everything is deleted, nothing is left behind.
    for (const nic of [...world.fold.list('NetworkInterface')]) {
      world.patch(nic.key, { metadata: { finalizers: null } });
      world.delete(nic.key);
    }
    for (const gateway of [...world.fold.list('NATGateway')]) world.delete(gateway.key);
    history.calm();
    expect([...world.fold.list('NATGateway')]).toEqual([]);
    for (const ledger of ['nat-tables', 'nat-slots', 'nat-usage', 'nat-shortages', 'nat-rests']) {
      expect([ledger, ...world.fold.records(ledger)]).toEqual([ledger]);
    }
    expect(world.refusals).toEqual([]);
  });
});

function nicIn({ object }: Folded, network: string): boolean {
  return ((object.spec ?? {}) as { networkRef?: { name: string } }).networkRef?.name === network;
}
