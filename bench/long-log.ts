/**
 * Writes a long log into an embedded store's directory, quickly: what Weft itself would have written for interfaces in ten Networks on ten hosts, four to a
 * Machine, all Available, with changes of labels until there are ten events for each interface. To be read again after that: by `restart.bench.ts`, or by hand
 *
 *   node tools/run.mjs bench/long-log.ts <directory of the store> <interfaces>
 */
import type { Actor, JsonObject, NewEvent } from '@weft/api';
import { type EventStore, openEmbeddedStore } from '@weft/event-store';
import { World, WorldAgent } from '@weft/testing';
import { address, machine, network, nic } from './objects.ts';

const NETWORKS = 10;
const VNI_MIN = 200;
const NICS_PER_MACHINE = 4;
const CHUNK = 960;
const BORN_MS = Date.parse('2026-01-02T03:04:05.000Z');
const BENCH: Actor = { user: 'bench', verified: false };
const WEFT: Actor = { user: 'system:loop:bench', verified: true };

type Fact = readonly [type: string, data: JsonObject];

export async function writeLongLog(directory: string, interfaces: number): Promise<{ events: number }> {
  const store = await openEmbeddedStore({ directory });
  try {
    return await new LongLog(store).write(interfaces);
  } finally {
    await store.close();
  }
}

class LongLog {
  readonly #store: EventStore;
  readonly #revisions = new Map<string, bigint>();
  /** Their uids. */
  readonly #hosts = new Map<string, string>();
  #ids = 0;
  #events = 0;
  #position = 0n;

  constructor(store: EventStore) {
    this.#store = store;
  }

  async write(interfaces: number): Promise<{ events: number }> {
    await this.#begin();
    for (let first = 0; first < interfaces; first += CHUNK) await this.#chunk(first, Math.min(first + CHUNK, interfaces));
    return { events: this.#events };
  }

  /** What a World makes of the Namespace, the Networks and the hosts; then each host holds the Networks of its interfaces. */
  async #begin(): Promise<void> {
    const world = new World({ now: timeText(0) });
    world.create({ kind: 'Namespace', metadata: { name: 'default' } });
    const agents = Array.from({ length: NETWORKS }, (_, i) => new WorldAgent(world, hostName(i), `192.0.2.${i + 1}`));
    for (const agent of agents) agent.register();
    for (let i = 0; i < NETWORKS; i++) world.create({ ...network(`net${i}`), spec: {} });
    for (const agent of agents) agent.report();
    world.settle();
    for (const { stream, events, revision } of world.appends) {
      this.#revisions.set(stream, revision);
      this.#events += events.length;
      const before = events[0].revision - 1n;
      const written = events.map(({ id, type, data, metadata }) => ({ id, type, data, metadata }));
      this.#position = (await this.#store.append(stream, before < 0n ? 'none' : before, written)).position;
    }
    for (const { host } of agents) {
      const uid = world.object({ kind: 'Host', name: host })?.metadata.uid ?? '';
      this.#hosts.set(host, uid);
      const held = Array.from({ length: NICS_PER_MACHINE }, (_, i): Fact => {
        const network = (NICS_PER_MACHINE * Number(host.slice(4)) + i) % NETWORKS;
        return ['NetworkHeld.v1', { vni: VNI_MIN + network, network: `default/net${network}` }];
      });
      await this.#batch(`Host-.${host}`, [{ facts: held, uid }]);
    }
  }

  async #chunk(from: number, to: number): Promise<void> {
    const nics = Array.from({ length: to - from }, (_, i) => new Nic(from + i));
    const machines = [...new Set(nics.map(({ machine }) => machine))];
    const hosts = groups(nics, ({ host }) => host);
    const books = groups(nics, ({ network }) => network);
    await Promise.all(
      [...books].map(([name, members]) =>
        this.#batch(
          `AddressBook-default.${name}`,
          members.map(({ name: nic, uid, ip, request, index }) => ({
            facts: [['AddressesClaimed.v1', { nic, uid, ips: [ip], request, revision: '-1', index }]],
            request,
          })),
        ),
      ),
    );
    await Promise.all(
      nics.map((each) =>
        this.#batch(`NetworkInterface-default.${each.name}`, [
          { facts: each.created, request: each.request, uid: each.uid },
          { facts: each.placed, uid: each.uid },
        ]),
      ),
    );
    await Promise.all(
      machines.map((each) =>
        this.#batch(`Machine-default.${machineName(each)}`, [
          { facts: machineCreated(each), uid: machineUid(each) },
          { facts: machineReported(each, nics, false), uid: machineUid(each) },
        ]),
      ),
    );
    const position = this.#position.toString();
    for (const [host, members] of hosts) {
      await this.#batch(`Host-.${host}`, [
        { facts: [['NicProgrammed.v1', { nics: members.map(({ uid }) => ({ uid, position })) }]], uid: this.#hosts.get(host) ?? '' },
      ]);
    }
    await Promise.all(
      nics.map((each) =>
        this.#batch(`NetworkInterface-default.${each.name}`, [
          { facts: each.programmed(position), uid: each.uid },
          ...(each.number % 2 === 0 ? [{ facts: each.labelled('a'), uid: each.uid }] : []),
          ...(each.number % 4 === 0 ? [{ facts: each.labelled('b'), uid: each.uid }] : []),
        ]),
      ),
    );
    await Promise.all(
      machines.map((each) =>
        this.#batch(`Machine-default.${machineName(each)}`, [{ facts: machineReported(each, nics, true), uid: machineUid(each) }]),
      ),
    );
    for (const [host, members] of hosts) {
      const tables: Record<string, string> = { [`placements.${host}`]: position };
      for (const { network: name } of members) tables[`endpoints.${VNI_MIN + Number(name.slice(3))}`] = position;
      await this.#batch(`Host-.${host}`, [{ facts: [['HostApplied.v1', { position, tables }]], uid: this.#hosts.get(host) ?? '' }]);
    }
  }

  /** The events of several commands on one stream, in one call. */
  async #batch(stream: string, commands: readonly Readonly<{ facts: readonly Fact[]; request?: string; uid?: string }>[]): Promise<void> {
    const events = commands.flatMap(({ facts, request = uuid(++this.#ids), uid }) =>
      facts.map(([type, data], index): NewEvent => {
        const created = type.endsWith('Created.v1');
        return {
          id: uuid(++this.#ids),
          type,
          data,
          metadata: {
            actor: created ? BENCH : WEFT,
            requestId: request,
            $correlationId: request,
            $causationId: request,
            time: timeText(this.#events / 10),
            append: { index, count: facts.length },
            ...(uid !== undefined && { uid }),
            ...(index === 0 && uid !== undefined && { command: created ? { verb: 'create' } : { verb: 'act', action: 'Bench' } }),
          },
        };
      }),
    );
    this.#events += events.length;
    const expected = this.#revisions.get(stream);
    this.#revisions.set(stream, (expected ?? -1n) + BigInt(events.length));
    const { position } = await this.#store.append(stream, expected ?? 'none', events);
    if (position > this.#position) this.#position = position;
  }
}

class Nic {
  readonly number: number;

  constructor(number: number) {
    this.number = number;
  }

  get name() {
    return `nic${this.number}`;
  }

  get uid() {
    return uuid(2_000_000_000 + this.number);
  }

  get request() {
    return uuid(3_000_000_000 + this.number);
  }

  get machine() {
    return Math.floor(this.number / NICS_PER_MACHINE);
  }

  get host() {
    return hostName(this.machine % NETWORKS);
  }

  get network() {
    return `net${this.number % NETWORKS}`;
  }

  /** Its number in its Network. */
  get index() {
    return Math.floor(this.number / NETWORKS);
  }

  get ip() {
    return address(this.number);
  }

  get created(): Fact[] {
    const { metadata, spec } = nic(this.name, this.network, this.ip, { app: `app${this.number % 100}` });
    return [
      ['NetworkInterfaceCreated.v1', { metadata: { ...metadata, uid: this.uid, creationTimestamp: '2026-01-02T03:04:05Z' }, spec }],
      ['NetworkInterfaceAddressed.v1', { ips: [this.ip], index: this.index }],
    ];
  }

  get placed(): Fact[] {
    const message = `placed on host ${this.host}, which has not programmed it yet`;
    return [
      ['NetworkInterfaceClaimed.v1', { machineRef: { name: machineName(this.machine), uid: machineUid(this.machine) } }],
      ['ConditionChanged.v1', { type: 'Ready', status: 'False', reason: 'NotProgrammed', message }],
      ['NetworkInterfacePlaced.v1', { host: this.host }],
    ];
  }

  programmed(position: string): Fact[] {
    return [
      ['NetworkInterfaceProgrammed.v1', { host: this.host, position }],
      ['ConditionChanged.v1', { type: 'Ready', status: 'True', reason: 'Programmed', message: `programmed on host ${this.host}` }],
    ];
  }

  labelled(tier: string): Fact[] {
    return [['LabelsChanged.v1', { labels: { app: `app${this.number % 100}`, tier } }]];
  }
}

function groups<V>(values: readonly V[], nameOf: (value: V) => string): Map<string, V[]> {
  const found = new Map<string, V[]>();
  for (const value of values) found.set(nameOf(value), [...(found.get(nameOf(value)) ?? []), value]);
  return found;
}

function machineCreated(number: number): Fact[] {
  const nics = Array.from({ length: NICS_PER_MACHINE }, (_, i) => `nic${number * NICS_PER_MACHINE + i}`);
  const { metadata, spec } = machine(machineName(number), hostName(number % NETWORKS), nics);
  const stamped = { ...metadata, uid: machineUid(number), creationTimestamp: '2026-01-02T03:04:05Z' };
  return [['MachineCreated.v1', { metadata: stamped, spec: { ...spec, power: 'On' } }]];
}

function machineReported(number: number, nics: readonly Nic[], attached: boolean): Fact[] {
  const own = nics.filter(({ machine }) => machine === number);
  const slots = own.map(({ name }, i) => ({ name: `s${i}`, state: attached ? 'Attached' : 'Pending', nic: name }));
  const pending = {
    status: 'False',
    reason: 'InterfacesPending',
    message: `its network interfaces are not available yet: ${slots.map(({ name }) => name).join(', ')}`,
  };
  const available = { status: 'True', reason: 'InterfacesAvailable', message: 'all its network interfaces are available' };
  return [
    ['MachineInterfacesReported.v1', { slots }],
    ['ConditionChanged.v1', { type: 'Ready', ...(attached ? available : pending) }],
  ];
}

const hostName = (number: number) => `host${number}`;
const machineName = (number: number) => `machine${number}`;
const machineUid = (number: number) => uuid(4_000_000_000 + number);
const timeText = (ms: number) => new Date(BORN_MS + Math.floor(ms)).toISOString();

/** A UUID for each number. */
function uuid(number: number): string {
  return `${number.toString(16).padStart(8, '0')}-0000-4000-8000-${((number * 2_654_435_761) % 2 ** 48).toString(16).padStart(12, '0')}`;
}

if (process.argv[1] === import.meta.filename) {
  const [directory = '', interfaces = '100000'] = process.argv.slice(2);
  const startedMs = performance.now();
  const { events } = await writeLongLog(directory, Number(interfaces));
  console.log(`${events} events in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
