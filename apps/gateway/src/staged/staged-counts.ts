/** What agents say that staged policies would have refused: heard on the bus, kept in memory only, and never written (ADR 73). */
import { type ApiObject, type Facts, type Folded, factsOf, type JsonObject, ofKind, type Sample, specOf, statusOf } from '@weft/api';
import { type BusSubscription, DecodeError, decodeJsonObject, parseSubject, subjects } from '@weft/bus';
import { Host, NetworkInterface } from '@weft/network';
import { isStaged, NetworkPolicy, type NetworkPolicyTypes } from '@weft/policy';
import type { Platform } from '@weft/service';

/** A host that has said nothing for so long is left out. */
const FRESH_MS = 60_000;
const HOSTS_MAX = 65_536;
const BUSIEST_MAX = 10;

type Direction = 'egress' | 'ingress';
type Busy = Readonly<{ nic: string; direction: Direction; packets: number }>;
/** As an agent says it (`StagedCount` there). */
type HostCount = Readonly<{ policy: string; egress: number; ingress: number; interfaces: number; busiest: readonly Busy[] }>;
type Heard = Readonly<{ at: string; heardMs: number; policies: ReadonlyMap<string, HostCount> }>;

/** In packets of the first direction of flows, since the policy, or another staged one of the same interface, changed last. `interfaces`: those that count. */
export type ToldStaged = Readonly<{
  namespace: string;
  name: string;
  uid: string;
  network: string;
  refused: number;
  egress: number;
  ingress: number;
  interfaces: number;
  hosts: readonly Readonly<{ host: string; at: string; refused: number; interfaces: number; simulated?: true }>[];
  /** Interfaces with most packets. */
  busiest: readonly Readonly<{ namespace?: string; name?: string; host: string; direction: Direction; packets: number }>[];
}>;

const TYPE = 'Staged';

export class StagedCounts {
  readonly #platform: Pick<Platform, 'bus' | 'clock' | 'follower' | 'figures'>;
  readonly #heard = new Map<string, Heard>();
  #subscription: BusSubscription | undefined;

  constructor(platform: Pick<Platform, 'bus' | 'clock' | 'follower' | 'figures'>) {
    this.#platform = platform;
  }

  start(): void {
    const { bus, figures } = this.#platform;
    this.#subscription = bus.subscribe(subjects.anyHost('observed'), ({ subject, data }) => {
      const parsed = parseSubject(subject);
      if (parsed?.of === 'host') this.#hear(parsed.host, data);
    });
    figures.add(
      'weft_staged_refused_packets',
      'Packets that a staged NetworkPolicy would have refused since it changed last',
      ['namespace', 'policy', 'direction'],
      () => this.#samples(),
    );
  }

  async stop(): Promise<void> {
    await this.#subscription?.stop();
  }

  /** All staged policies, or one; of one that hosts have not spoken of yet, without hosts. O(policies + hosts). */
  *told(facts: Facts, namespace?: string, name?: string): Iterable<ToldStaged> {
    for (const policy of facts.all(NetworkPolicy)) {
      const { key, object } = policy;
      if (!isStaged(object) || (namespace !== undefined && key.namespace !== namespace) || (name !== undefined && key.name !== name))
        continue;
      yield this.#toldOf(policy, facts);
    }
  }

  /** The object with a condition that says what hosts have counted, where it is a staged policy. */
  shown(folded: Folded): Folded {
    const policy = ofKind(NetworkPolicy, folded);
    if (policy === undefined || !isStaged(policy.object)) return folded;
    const told = this.#toldOf(policy, factsOf(this.#platform.follower));
    const status = { ...(policy.object.status as JsonObject | undefined) };
    const conditions = [
      ...((status['conditions'] as readonly JsonObject[] | undefined) ?? []),
      conditionOf(told, policy.object.metadata.creationTimestamp ?? ''),
    ];
    return { ...folded, object: { ...folded.object, status: { ...status, conditions } } as ApiObject };
  }

  #hear(host: string, data: Uint8Array): void {
    const { clock } = this.#platform;
    try {
      const { at, staged } = decodeJsonObject(data, `what ${host} observed`);
      if (typeof at !== 'string' || !Array.isArray(staged)) return;
      const policies = new Map((staged as unknown as readonly HostCount[]).map((count) => [count.policy, count]));
      this.#heard.delete(host);
      if (policies.size > 0) this.#heard.set(host, { at, heardMs: clock.monotonicMs(), policies });
      if (this.#heard.size > HOSTS_MAX) this.#heard.delete(this.#heard.keys().next().value as string);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error; // Of another version: it says nothing here.
    }
  }

  *#countsOf(uid: string): Iterable<readonly [string, Heard, HostCount]> {
    const oldestMs = this.#platform.clock.monotonicMs() - FRESH_MS;
    for (const [host, heard] of this.#heard) {
      const count = heard.heardMs < oldestMs ? undefined : heard.policies.get(uid);
      if (count !== undefined) yield [host, heard, count];
    }
  }

  #toldOf({ key, object }: Folded<NetworkPolicyTypes>, facts: Facts): ToldStaged {
    const { uid } = object.metadata;
    let [egress, ingress, interfaces] = [0, 0, 0];
    const hosts: ToldStaged['hosts'][number][] = [];
    const busiest: ToldStaged['busiest'][number][] = [];
    for (const [host, { at }, count] of this.#countsOf(uid)) {
      egress += count.egress;
      ingress += count.ingress;
      interfaces += count.interfaces;
      const found = facts.get(Host, { name: host });
      const isSimulated = found !== undefined && statusOf(found.object).agent?.driver === 'simulated';
      hosts.push({
        host,
        at,
        refused: count.egress + count.ingress,
        interfaces: count.interfaces,
        ...(isSimulated && { simulated: true }),
      });
      for (const { nic, direction, packets } of count.busiest) {
        const [place] = facts.keys(NetworkInterface, 'uid', nic);
        busiest.push({ ...place, host, direction, packets });
      }
    }
    return {
      ...{ namespace: key.namespace ?? '', name: key.name, uid, network: specOf(object).networkRef?.name ?? '' },
      ...{ refused: egress + ingress, egress, ingress, interfaces },
      hosts: hosts.sort((a, b) => b.refused - a.refused),
      busiest: busiest.sort((a, b) => b.packets - a.packets).slice(0, BUSIEST_MAX),
    };
  }

  *#samples(): Iterable<Sample> {
    for (const { namespace, name, egress, ingress } of this.told(factsOf(this.#platform.follower))) {
      yield { labels: { namespace, policy: name, direction: 'egress' }, value: egress };
      yield { labels: { namespace, policy: name, direction: 'ingress' }, value: ingress };
    }
  }
}

function conditionOf({ refused, egress, ingress, interfaces, hosts }: ToldStaged, created: string): JsonObject {
  const told =
    hosts.length === 0
      ? 'no host has said yet what it would refuse'
      : `would have refused ${refused} packets (egress ${egress}, ingress ${ingress}; interfaces ${interfaces}, hosts ${hosts.length})`;
  const condition = { type: TYPE, status: 'True', reason: hosts.length === 0 ? 'NotCounted' : 'Counted', message: told };
  return { ...condition, lastTransitionTime: created };
}

/** A status that somebody writes back as it was read, without what is shown beside it. */
export function withoutStaged(body: JsonObject): JsonObject {
  const status = body['status'] as JsonObject | undefined;
  const conditions = status?.['conditions'];
  if (body['kind'] !== NetworkPolicy.kind || !Array.isArray(conditions)) return body;
  return { ...body, status: { ...status, conditions: conditions.filter((each) => (each as JsonObject | null)?.['type'] !== TYPE) } };
}
