/** Budgets for how often loops are asked and rows are made: without a clock they show what grows with the size of the world. */
import { type Change, type ObjectKey, streamOf } from '@weft/api';
import { RowProjection, rowsIn } from '@weft/fabric';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { hostKey, machineKey, networkDomain, networkKey, nicKey } from '@weft/network';
import { policyDomain } from '@weft/policy';
import { WrittenLog } from '../spec/written-log.ts';

const NET = networkKey('ns', 'net');
const HOSTS = 10;
const VNI = 200;
const READY = { type: 'Ready', status: 'True', reason: 'AgentReady', message: '' };

/** Kinds that loops over interfaces await. */
const ALL_OTHERS = ['NATGateway', 'LoadBalancer', 'NetworkPolicyRule'];

/** One network over ten hosts, with an interface for each slot of a few machines; all are placed and programmed. */
class Site extends WrittenLog {
  readonly #projections: readonly RowProjection[];

  /** `others`: kinds of which there is an object in another namespace. */
  constructor(machines: number, slots: number, others: readonly string[] = ALL_OTHERS) {
    super([networkDomain, ipamDomain, lbDomain, policyDomain]);
    this.#projections = rowsIn(this.registry).map((rows) => new RowProjection(rows, this.registry, this.fold));
    for (const kind of others) this.create({ kind, namespace: 'elsewhere', name: 'other' });
    this.create({ kind: 'Namespace', name: 'ns' });
    this.create(NET);
    this.happen(NET, { type: 'NetworkVniAssigned.v1', data: { vni: VNI } });
    for (let h = 0; h < HOSTS; h++) {
      this.create(hostKey(`h${h}`), { spec: { underlay: { ip: `192.0.2.${h + 1}` } } });
      this.happen(hostKey(`h${h}`), { type: 'HostIndexAssigned.v1', data: { index: h } }, { type: 'ConditionChanged.v1', data: READY });
      this.happen(hostKey(`h${h}`), { type: 'NetworkHeld.v1', data: { vni: VNI, network: 'ns/net' } });
    }
    for (let m = 0; m < machines; m++) this.machine(m, slots);
    this.asked(() => {});
  }

  /** Creates a machine with its interfaces on a host that follows from its number. */
  machine(m: number, slots: number): void {
    const names = Array.from({ length: slots }, (_, i) => `m${m}-${i}`);
    const networkInterfaces = names.map((name, i) => ({ name: `s${i}`, networkInterfaceRef: { name } }));
    const uid = this.create(machineKey('ns', `m${m}`), { spec: { machinePoolRef: { name: `h${m % HOSTS}` }, networkInterfaces } });
    for (const [i, name] of names.entries()) {
      this.#interface(nicKey('ns', name), m * slots + i);
      this.happen(
        nicKey('ns', name),
        { type: 'NetworkInterfaceClaimed.v1', data: { machineRef: { name: `m${m}`, uid } } },
        { type: 'NetworkInterfacePlaced.v1', data: { host: `h${m % HOSTS}` } },
      );
      this.programmed(nicKey('ns', name), `h${m % HOSTS}`);
    }
  }

  #interface(key: ObjectKey, index: number): void {
    const ip = `10.0.${index >> 8}.${index & 255}`;
    this.create(key, { spec: { networkRef: { name: 'net' }, ips: [{ value: ip }] } });
    this.happen(key, { type: 'NetworkInterfaceAddressed.v1', data: { ips: [ip], index } });
  }

  programmed(key: ObjectKey, host: string): void {
    this.happen(key, { type: 'NetworkInterfaceProgrammed.v1', data: { host, position: '1' } });
  }

  applied(host: string): void {
    const tables = { [`endpoints.${VNI}`]: `${this.fold.position}`, hosts: `${this.fold.position}` };
    this.happen(hostKey(host), { type: 'HostApplied.v1', data: { tables, position: `${this.fold.position}` } });
  }

  label(key: ObjectKey): void {
    this.write(streamOf(key), [{ type: 'LabelsChanged.v1', data: { labels: { a: 'b' } } }]);
  }

  protected override changed(change: Change): void {
    for (const projection of this.#projections ?? []) projection.onChange(change);
  }

  get #evaluations(): number {
    return this.#projections.reduce((sum, { evaluations }) => sum + evaluations, 0);
  }

  /** As in WrittenLog, and how many rows are made. */
  override asked(happens: () => void): Readonly<Record<string, number>> {
    const before = this.#evaluations;
    const asked = super.asked(happens);
    const rows = this.#evaluations - before;
    return rows === 0 ? asked : { ...asked, rows };
  }
}

describe('What is asked because of one change', () => {
  let small: Site;
  let large: Site;
  beforeAll(() => {
    small = new Site(HOSTS, 1);
    large = new Site(HOSTS, 100);
  });

  it('does not grow with the network when an interface comes, is placed and programmed', () => {
    const asked = [small, large].map((site) => site.asked(() => site.machine(HOSTS, 1)));
    expect(asked[1]).toEqual(asked[0]);
    expect(asked[1]).toEqual({
      'settle-interfaces': 4,
      'report-machine-interfaces': 4,
      'allocate-nat-slots': 2,
      'policy-interfaces': 2,
      'join-routings': 2,
      rows: 2,
    });
  });

  it('is nothing for what the store has none of, until its Network has something: then each object there is asked about once', () => {
    const site = new Site(HOSTS, 2, []);
    expect(site.asked(() => site.machine(HOSTS, 1))).toEqual({ 'settle-interfaces': 4, 'report-machine-interfaces': 4, rows: 2 });
    const interfaces = 2 * HOSTS + 1;
    const spec = { networkRef: { name: 'net' } };
    const first = (kind: string, namespace: string) => {
      const key: ObjectKey = { kind, namespace, name: 'first' };
      return site.asked(() => {
        site.create(key, { spec });
        if (kind === 'NetworkPolicyRule') site.happen(key, { type: 'NetworkPolicyRulesCopied.v1', data: { rules: spec } });
      });
    };
    const loops = { NATGateway: 'allocate-nat-slots', LoadBalancer: 'join-routings', NetworkPolicyRule: 'policy-interfaces' };
    for (const [kind, loop] of Object.entries(loops)) {
      expect(first(kind, 'elsewhere')).not.toHaveProperty(loop);
      expect(first(kind, 'ns')).toMatchObject({ [loop]: interfaces });
    }
    expect(site.asked(() => site.label(nicKey('ns', 'm3-0')))).toEqual({
      'settle-interfaces': 1,
      'policy-interfaces': 1,
      'join-routings': 1,
      rows: 1,
    });
  });

  it('is nothing when a host reports how far its kernel is', () => {
    expect(large.asked(() => large.applied('h3'))).toEqual({});
  });

  it.each<[string, ObjectKey, object]>([
    ['an interface', nicKey('ns', 'm3-0'), { 'settle-interfaces': 1, 'policy-interfaces': 1, 'join-routings': 1, rows: 1 }],
    ['a machine', machineKey('ns', 'm3'), { 'report-machine-interfaces': 1 }],
    ['a network', NET, { 'accept-vni': 1, 'allocate-vni': 1, 'protect-network': 1 }],
    ['a host', hostKey('h3'), {}],
    ['a namespace', { kind: 'Namespace', name: 'ns' }, { 'empty-namespaces': 1 }],
  ])('is no more than the loops over %s itself when its labels change', (_what, key, asked) => {
    expect(large.asked(() => large.label(key))).toEqual(asked);
  });

  it('is a machine of 1,000 slots once when one of its interfaces is programmed', () => {
    const site = new Site(1, 1_000);
    const nic = nicKey('ns', 'm0-500');
    site.happen(nic, { type: 'NetworkInterfacePlaced.v1', data: { host: 'h0' } });
    expect(site.asked(() => site.programmed(nic, 'h0'))).toEqual({
      'settle-interfaces': 1,
      'report-machine-interfaces': 1,
      'join-routings': 1,
    });
  });

  it('is one question when a host with 100 interfaces falls silent: it owes them a bounded number of commands', () => {
    const lost = { ...READY, status: 'False', reason: 'HeartbeatsMissing' };
    const asked = large.asked(() => large.happen(hostKey('h3'), { type: 'ConditionChanged.v1', data: lost }));
    expect(asked).toEqual({ 'show-host-health': 1, 'fall-behind': 1 });
  });
});
