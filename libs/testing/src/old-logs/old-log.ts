/**
 * Opens a log that an older version wrote (see README.md) with the code of today, and gives its states and answers as plain JSON. Only this file depends
 * on today's code: when folding or claims change, change this file and leave the recorded answers as they are.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import {
  type ApiObject,
  type Append,
  appendOf,
  createFold,
  type DecideContext,
  type Decision,
  type Facts,
  type Fold,
  factsOf,
  type JsonObject,
  positionOfVersion,
  type RecordedEvent,
  registry,
  streamOf,
  uuidv5,
} from '@weft/api';
import { routingTables } from '@weft/fabric';
import { ipamDomain } from '@weft/ipam';
import { lbDomain } from '@weft/lb';
import { networkDomain } from '@weft/network';
import { policyDomain } from '@weft/policy';

/** Who holds what at one position, found by asking the deciders with claims. */
export type Answers = Readonly<{
  /** By `<namespace>/<network> <address>`, of all addresses that were ever claimed. `waits`: its hosts have yet to remove the former holder. */
  addresses: { [address: string]: { heldBy?: string; waits?: true } };
  /** By uid of a Network, of all that ever had a number. */
  vnis: { [uid: string]: number };
  nextVni: number;
  /** By uid of a Host, of all that ever had a number. */
  hosts: { [uid: string]: number };
  nextIndex: number;
  /** Underlay address -> name of its Host. */
  underlays: { [underlay: string]: string };
}>;

export type Stream = Readonly<{ status: string; object?: JsonObject; facts?: JsonObject; facets?: JsonObject }>;

const folderOf = (name: string) => `${import.meta.dirname}/${name}`;
const STRANGER = '00000000-0000-4000-8000-000000000001';

export const storeFile = (version: string): string => folderOf(`${version}.events.mdb.gz`);

export function readLog(version: string): RecordedEvent[] {
  const lines = readFileSync(folderOf(`${version}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n');
  return lines.map((line) => {
    const event = JSON.parse(line) as RecordedEvent & { revision: string; position: string };
    return { ...event, revision: BigInt(event.revision), position: BigInt(event.position) };
  });
}

export function readExpected<T>(version: string): T {
  const file = folderOf(`${version}.expected.json`);
  if (!existsSync(file)) throw new Error(`${file} is missing`);
  return JSON.parse(readFileSync(file, 'utf8')) as T;
}

function wholeAppends(log: readonly RecordedEvent[]): readonly Append[] {
  const appends: Append[] = [];
  let first = 0;
  log.forEach(({ metadata: { append } }, i) => {
    if (append.index + 1 < append.count) return;
    appends.push(appendOf(log.slice(first, i + 1)));
    first = i + 1;
  });
  return appends;
}

/**
 * The append as a host of today would have written it: v0.1 had no policies, and an address rests now until its hosts have confirmed their rows as well. They
 * come and go with those of the endpoint.
 */
function withPolicies(append: Append): Append {
  const events = append.events.map((event) => {
    if (event.type !== 'HostApplied.v1') return event;
    const { tables = {} } = event.data as { tables?: { [table: string]: string } };
    const policies = Object.entries(tables).flatMap(([table, rev]) =>
      table.startsWith('endpoints.') ? [[table.replace('endpoints.', 'policies.'), rev] as const] : [],
    );
    return { ...event, data: { ...event.data, tables: { ...tables, ...Object.fromEntries(policies) } } };
  });
  return appendOf(events);
}

export class OldLog {
  readonly #whole: readonly Append[];
  readonly #registry = registry([networkDomain, ipamDomain, lbDomain, policyDomain]);
  readonly #fold: Fold = createFold(this.#registry);
  /** What claims are decided by. */
  readonly #asked: Fold = createFold(this.#registry);
  readonly #reservations = new Map<string, unknown>();
  #next = 0;

  constructor(log: readonly RecordedEvent[]) {
    this.#whole = wholeAppends(log);
  }

  /** Folds up to this position, inclusive. */
  goTo(position: bigint): void {
    for (; this.#next < this.#whole.length; this.#next++) {
      const append = this.#whole[this.#next] as Append;
      if (append.position > position) return;
      this.#fold.apply(append);
      this.#asked.apply(withPolicies(append));
      const module = this.#registry.reservationOf(append.stream);
      if (module === undefined) continue;
      let state = this.#reservations.get(append.stream) ?? module.initial();
      for (const event of append.events) state = module.evolve(state, event);
      this.#reservations.set(append.stream, state);
    }
  }

  /** Live objects as they are served, but for the digits of versions (see `versionedThen`). */
  objects(): { [stream: string]: JsonObject } {
    const live = [...this.#fold.all()].filter(({ status }) => status === 'live');
    return plain(Object.fromEntries(live.map(({ key, object }) => [streamOf(key), versionedThen(object)])));
  }

  /** Positions of the last event of each append, with its stream. */
  *appends(): Iterable<readonly [position: string, stream: string]> {
    for (const { position, stream } of this.#whole) yield [position.toString(), stream];
  }

  /** States of living objects, and streams whose objects have ended; of one stream, or of all. */
  streams(only?: string): { [stream: string]: Stream } {
    const wanted = [...this.#fold.all()].filter(({ key }) => only === undefined || streamOf(key) === only);
    const states = wanted.map(({ key, status, object, facts, facets }) => {
      const places = Object.fromEntries(Object.entries(facets).map(([facet, { position }]) => [facet, position]));
      return [streamOf(key), status === 'live' ? { status, object: versionedThen(object), facts, facets: places } : { status }];
    });
    return plain(Object.fromEntries(states));
  }

  /** Rows by table and key. */
  rows(): { [table: string]: { [key: string]: JsonObject } } {
    return plain(Object.fromEntries([...routingTables(this.#fold.all())].map(([table, rows]) => [table, Object.fromEntries(rows)])));
  }

  /** What the code of today holds in memory for each reservation stream. */
  reservations(): JsonObject {
    return plain(Object.fromEntries(this.#reservations));
  }

  answers(): Answers {
    return {
      addresses: this.#addresses(),
      vnis: this.#numbers('VniPool-.default', 'ReleaseVni', 'vni'),
      nextVni: this.#ask('VniPool-.default', { type: 'AllocateVni', namespace: 'x', network: 'x', uid: STRANGER }).facts[0]?.data[
        'vni'
      ] as number,
      hosts: this.#numbers('HostIndex-.hosts', 'ReleaseHost', 'index'),
      nextIndex: this.#claimUnderlay('192.0.2.254').grants?.['index'] as number,
      underlays: this.#underlays(),
    };
  }

  #addresses(): Answers['addresses'] {
    const addresses: Answers['addresses'] = {};
    for (const [stream, ip] of this.#everSaid('AddressBook', 'ips')) {
      const network = stream.slice('AddressBook-'.length).replace('.', '/');
      const [namespace, name] = network.split('/') as [string, string];
      const claim = { namespace, network: name, ips: [ip], fields: ['spec.ips[0].value'], revision: '-1' };
      const asked = this.#ask(stream, { type: 'ClaimAddresses', ...claim, nic: 'stranger', uid: STRANGER, request: STRANGER });
      const { refusedFor } = asked;
      addresses[`${network} ${ip}`] = {
        ...(refusedFor !== undefined && { heldBy: refusedFor }),
        ...((refusedFor === undefined ? asked : this.#holderAsks(stream, ip, claim)).grants?.['resting'] !== undefined && { waits: true }),
      };
    }
    return addresses;
  }

  /** Lets the holder claim what it has under another request. */
  #holderAsks(stream: string, ip: string, claim: JsonObject): Answer {
    const claimed = this.#past(stream).findLast(
      ({ type, data }) => type === 'AddressesClaimed.v1' && (data['ips'] as string[]).includes(ip),
    );
    const { nic, uid } = (claimed as RecordedEvent).data as { nic: string; uid: string };
    return this.#ask(stream, { type: 'ClaimAddresses', ...claim, nic, uid, request: STRANGER });
  }

  #numbers(stream: string, release: string, number: string): { [uid: string]: number } {
    const numbers: { [uid: string]: number } = {};
    for (const [, uid] of this.#everSaid(stream, 'uid')) {
      const held = this.#ask(stream, { type: release, uid, at: this.#fold.position.toString() }).facts[0]?.data[number];
      if (held !== undefined) numbers[uid] = held as number;
    }
    return numbers;
  }

  #underlays(): Answers['underlays'] {
    const underlays: Answers['underlays'] = {};
    for (const [, underlay] of this.#everSaid('HostIndex', 'underlay')) {
      // Of a view without hosts none is known to have left its address.
      const { refusedFor } = this.#claimUnderlay(underlay, factsOf({ get: () => undefined, list: () => [], by: () => [] }));
      if (refusedFor !== undefined) underlays[underlay] = refusedFor;
    }
    return underlays;
  }

  #claimUnderlay(underlay: string, facts?: Facts): Answer {
    return this.#ask('HostIndex-.hosts', { type: 'ClaimHost', host: 'stranger', uid: STRANGER, underlay }, facts);
  }

  /** Asks the decider of a reservation stream, and changes nothing. */
  #ask(stream: string, command: JsonObject & { type: string }, facts = factsOf(this.#asked)): Answer {
    const module = this.#registry.reservationOf(stream);
    if (module === undefined) throw new Error(`nobody answers for ${stream}`);
    const context: DecideContext = {
      now: '2030-01-01T00:00:00.000Z',
      requestId: STRANGER,
      derive: (label) => uuidv5(STRANGER, label),
      facts,
    };
    return answerOf(module.decide(command, this.#reservations.get(stream) ?? module.initial(), context));
  }

  #past(stream: string): RecordedEvent[] {
    return this.#whole.slice(0, this.#next).flatMap(({ events }) => events.filter((event) => event.stream.startsWith(stream)));
  }

  /** All values that a field has had in the events of these streams, by stream. They are read from the file, since an old log does not change. */
  *#everSaid(stream: string, field: string): Iterable<readonly [string, string]> {
    const seen = new Set<string>();
    for (const { stream: of, data } of this.#past(stream)) {
      const said = data[field];
      for (const value of (Array.isArray(said) ? said : [said]) as (string | undefined)[]) {
        if (value === undefined || seen.has(`${of} ${value}`)) continue;
        seen.add(`${of} ${value}`);
        yield [of, value];
      }
    }
  }
}

type Answer = Readonly<{ refusedFor?: string; grants?: JsonObject; facts: readonly Readonly<{ data: JsonObject }>[] }>;

function answerOf(decision: Decision): Answer {
  if (decision.outcome === 'accepted') return { facts: decision.facts, ...(decision.grants && { grants: decision.grants }) };
  // `… held by NetworkInterface "web-1"`: the last name in quotes.
  const named = [...(decision.status.message ?? '').matchAll(/held by \w+ "([^"]+)"/g)].at(-1)?.[1];
  return { refusedFor: named ?? decision.status.message ?? 'nobody', facts: [] };
}

/** A hash of a value as JSON, whatever the order of its fields. */
export function digest(value: unknown): string {
  const ordered = (each: unknown): unknown => {
    if (Array.isArray(each)) return each.map(ordered);
    if (typeof each !== 'object' || each === null) return each;
    return Object.fromEntries(
      Object.entries(each)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, field]) => [name, ordered(field)]),
    );
  };
  return createHash('sha256')
    .update(JSON.stringify(ordered(value) ?? null))
    .digest('hex')
    .slice(0, 12);
}

/** resourceVersions were positions then (ADR 45). */
function versionedThen(object: ApiObject): ApiObject {
  const { metadata } = object;
  return { ...object, metadata: { ...metadata, resourceVersion: `${positionOfVersion(metadata.resourceVersion)}` } };
}

/** The value as plain JSON: maps become objects, bigints decimal strings. */
function plain<T>(value: unknown): T {
  const text = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return each.toString();
    if (each instanceof Map) return Object.fromEntries(each);
    return each instanceof Set ? [...each] : each;
  });
  return JSON.parse(text) as T;
}
