/** A small domain for tests of the runtime: Things in namespaces, each with an address from the book of its namespace. */
import type {
  ApiObject,
  Change,
  Claim,
  DecideContext,
  Decision,
  DomainModule,
  Folded,
  JsonObject,
  KindModule,
  ObjectKey,
  Reaction,
  RecordedEvent,
  ReservationModule,
} from '@weft/api';
import { keyOfStream, streamOf } from '@weft/api';
import type { Fold } from '../follower/follower.ts';
import type { Machinery, ObjectCommand } from '../writer/machinery.ts';

export type BookState = { holders: Map<string, string>; rested: number };

const refused = (code: number, reason: 'Invalid' | 'AlreadyExists' | 'NotFound' | 'Conflict', message: string): Decision => ({
  outcome: 'rejected',
  status: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code },
});

export const book: ReservationModule<BookState> = {
  category: 'Book',
  context: 'network',
  partitionKey: (stream) => stream.slice('Book-'.length).split('.')[0] ?? '',
  initial: () => ({ holders: new Map(), rested: 0 }),
  decide: (command, { holders }) => {
    const { type, address, holder } = command as unknown as { type: string; address: string; holder: string };
    const present = holders.get(address);
    if (type === 'Release')
      return { outcome: 'accepted', facts: present === holder ? [{ type: 'Released.v1', data: { address, holder } }] : [] };
    if (present === holder) return { outcome: 'accepted', facts: [] };
    if (present !== undefined) return refused(422, 'Invalid', `${address} is held by ${present}`);
    return { outcome: 'accepted', facts: [{ type: 'Claimed.v1', data: { address, holder, object: command['object'] as string } }] };
  },
  evolve: (state, { type, data }) => {
    if (type === 'Claimed.v1') state.holders.set(data['address'] as string, data['holder'] as string);
    if (type === 'Released.v1') state.holders.delete(data['address'] as string);
    return state;
  },
  release: ({ stream, command }) => ({ stream, command: { ...command, type: 'Release' } }),
  granted: (stream, { type, data }) => {
    const object = keyOfStream(String(data['object']));
    if (type !== 'Claimed.v1' || object === undefined) return undefined;
    return {
      object,
      release: { stream, command: { type: 'Release', address: data['address'] as string, holder: data['holder'] as string } },
    };
  },
};

export function thing(namespace: string, name: string, address?: string): ObjectCommand {
  const object: JsonObject = { metadata: { name, namespace }, spec: address === undefined ? {} : { address } };
  return { verb: 'create', kind: 'Thing', namespace, object };
}

export const thingKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Thing', namespace, name });

function decideThing(command: ObjectCommand, before: Folded, context: DecideContext): Decision {
  if (command.verb === 'create') {
    if (before.status === 'live') return refused(409, 'AlreadyExists', `things "${before.key.name}" already exists`);
    const address = (command.object['spec'] as JsonObject | undefined)?.['address'];
    const claims: Claim[] = typeof address === 'string' ? [claimOf(before.key, address, context.derive('uid'))] : [];
    return {
      outcome: 'accepted',
      claims,
      facts: [{ type: 'ThingCreated.v1', data: { spec: (command.object['spec'] ?? {}) as JsonObject } }],
    };
  }
  if (before.status !== 'live') return refused(404, 'NotFound', `things "${before.key.name}" not found`);
  if (command.verb === 'act' && command.action === 'Paint') {
    const colour = command.payload['colour'] as string;
    if (before.facts['colour'] === colour) return { outcome: 'accepted', facts: [] };
    return { outcome: 'accepted', facts: [{ type: 'ThingPainted.v1', data: { colour } }] };
  }
  if (command.verb === 'act' && command.action === 'Explode') throw new Error('a bug in the decider');
  if (command.verb === 'delete') {
    const { uid } = before.object.metadata;
    const address = before.object.spec?.['address'];
    const releases = typeof address === 'string' ? [book.release?.(claimOf(before.key, address, uid)) as Claim] : [];
    return { outcome: 'accepted', facts: [{ type: 'ThingDeleted.v1', data: {} }], releases };
  }
  return refused(422, 'Invalid', 'no such command');
}

function claimOf(key: ObjectKey, address: string, holder: string): Claim {
  return { stream: `Book-${key.namespace}.book`, command: { type: 'Claim', address, holder, object: streamOf(key) } };
}

export function absent(key: ObjectKey): Folded {
  const metadata = {
    name: key.name,
    ...(key.namespace !== undefined && { namespace: key.namespace }),
    uid: '',
    resourceVersion: '0',
    creationTimestamp: '',
  };
  const object: ApiObject = { apiVersion: 'test/v1', kind: key.kind, metadata };
  return { key, status: 'absent', object, facts: {}, revision: 'none', position: 0n, facets: {}, requests: [] };
}

function foldThing(before: Folded, event: RecordedEvent): Folded {
  const { requestId, time, uid } = event.metadata;
  const base = {
    ...before,
    revision: event.revision,
    position: event.position,
    requests: [
      ...before.requests.filter((r) => r.requestId !== requestId),
      { requestId, revision: event.revision, position: event.position, time },
    ].slice(-32),
  };
  const metadata = { ...before.object.metadata, resourceVersion: event.position.toString() };
  switch (event.type) {
    case 'NamespaceCreated.v1':
    case 'ThingCreated.v1': {
      const object = {
        ...before.object,
        metadata: { ...metadata, uid: uid ?? '', creationTimestamp: time },
        spec: (event.data['spec'] ?? {}) as JsonObject,
      };
      return { ...base, status: 'live', object, facts: {} };
    }
    case 'ThingPainted.v1':
      return {
        ...base,
        object: { ...before.object, metadata, status: { colour: event.data['colour'] as string } },
        facts: { colour: event.data['colour'] as string },
      };
    case 'ThingDeleted.v1':
      return { ...base, status: 'absent', object: { ...before.object, metadata } };
    case 'NamespaceTerminating.v1':
      return { ...base, object: { ...before.object, metadata: { ...metadata, deletionTimestamp: time } } };
    case 'ClaimAbandoned.v1':
      return base;
    default:
      throw new Error(`unknown event type ${event.type}`);
  }
}

export const things: Machinery = {
  keyOf: (command, requestId) => {
    if (command.verb !== 'create') return command.key;
    const { name = `generated-${requestId.slice(0, 8)}` } = command.object['metadata'] as { name?: string };
    return command.namespace === undefined ? { kind: command.kind, name } : { kind: command.kind, namespace: command.namespace, name };
  },
  absent,
  fold: foldThing,
  decide: decideThing,
  uidOf: (command, before, context) => (command.verb === 'create' ? context.derive('uid') : before.object.metadata.uid || undefined),
};

export class ThingFold implements Fold {
  readonly #states = new Map<string, Folded>();

  apply(event: RecordedEvent): Change {
    const key = keyOfStream(event.stream);
    if (key === undefined || (key.kind !== 'Thing' && key.kind !== 'Namespace')) return { event };
    const before = this.#states.get(event.stream) ?? absent(key);
    const after = foldThing(before, event);
    this.#states.set(event.stream, after);
    return { event, before, after };
  }
  get(key: ObjectKey): Folded | undefined {
    return this.#states.get(streamOf(key));
  }
  *list(kind: string, namespace?: string): Iterable<Folded> {
    for (const state of this.#states.values()) {
      if (state.status === 'live' && state.key.kind === kind && (namespace === undefined || state.key.namespace === namespace)) yield state;
    }
  }
  *by(): Iterable<Folded> {}
}

const kindOf = (kind: string, namespaced: boolean): KindModule =>
  ({
    group: 'test',
    version: 'v1',
    kind,
    plural: `${kind.toLowerCase()}s`,
    namespaced,
    context: 'network',
    partitionKey: (key: ObjectKey) => key.namespace ?? key.kind,
  }) as Partial<KindModule> as KindModule;

export function thingDomain(reactions: readonly Reaction[] = []): DomainModule {
  return {
    context: 'network',
    kinds: [kindOf('Thing', true), kindOf('Namespace', false)],
    reservations: [book as ReservationModule],
    reactions,
  };
}
