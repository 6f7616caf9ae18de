/** A small domain for tests of the runtime: Things in namespaces, each with an address from the book of its namespace. */
import {
  type ApiObject,
  accepted,
  type Claim,
  type Decision,
  type DomainModule,
  type Folded,
  type JsonObject,
  type KindModule,
  kindRef,
  type Loop,
  type NewEvent,
  type ObjectCommand,
  type ObjectKey,
  type ReservationModule,
  rejected,
  type Status,
} from '@weft/api';

export type BookState = { holders: Map<string, string> };

function refused(message: string): Decision {
  const status: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: 'Invalid', code: 422 };
  return rejected(status);
}

export const book: ReservationModule<BookState> = {
  category: 'Book',
  context: 'network',
  partitionKey: (stream) => stream.slice('Book-'.length).split('.')[0] ?? '',
  initial: () => ({ holders: new Map() }),
  decide: (command, { holders }) => {
    const { type, address, holder } = command as unknown as { type: string; address: string; holder: string };
    const present = holders.get(address);
    if (type === 'Release') return accepted(present === holder ? [{ type: 'Released.v1', data: { address, holder } }] : []);
    if (present === holder) return accepted([]);
    if (present !== undefined) return refused(`${address} is held by ${present}`);
    return accepted([{ type: 'Claimed.v1', data: { address, holder } }]);
  },
  evolve: (state, { type, data }) => {
    if (type === 'Claimed.v1') state.holders.set(data['address'] as string, data['holder'] as string);
    else if (type === 'Released.v1') state.holders.delete(data['address'] as string);
    else throw new Error(`the book does not know ${type}`);
    return state;
  },
  release: ({ stream, command }) => ({ stream, command: { ...command, type: 'Release' } }),
};

export function thing(namespace: string, name: string, address?: string): ObjectCommand {
  const object: JsonObject = { metadata: { name, namespace }, spec: address === undefined ? {} : { address } };
  return { verb: 'create', kind: 'Thing', namespace, object };
}

export const thingKey = (namespace: string, name: string): ObjectKey => ({ kind: 'Thing', namespace, name });

export function paint(namespace: string, name: string, colour: string): ObjectCommand {
  return { verb: 'act', key: thingKey(namespace, name), action: 'Paint', payload: { colour } };
}

function claimOf(key: ObjectKey, address: string, holder: string): Claim {
  return { stream: `Book-${key.namespace}.book`, command: { type: 'Claim', address, holder } };
}

function claimsOf(key: ObjectKey, { spec, metadata }: ApiObject): Claim[] {
  const address = spec?.['address'];
  return typeof address === 'string' ? [claimOf(key, address, metadata.uid)] : [];
}

const common = {
  version: 'v1',
  shortNames: [],
  nameRule: 'subdomain',
  context: 'network',
  partitionKey: (key: ObjectKey) => key.namespace ?? key.kind,
  hasStatus: true,
  tracksGeneration: false,
  columns: [],
  schema: {},
  defaults: (object: ApiObject) => object,
  rules: () => [],
  initialFacts: {},
  facetOf: () => 'own',
} as const;

const thingKind: KindModule = {
  ...common,
  group: 'test.weft.dev',
  kind: 'Thing',
  plural: 'things',
  singular: 'thing',
  namespaced: true,
  onCreate: (object) => {
    const key = thingKey(object.metadata.namespace ?? '', object.metadata.name);
    return accepted([], { claims: claimsOf(key, object) });
  },
  onEnd: (before: Folded) => ({ releases: claimsOf(before.key, before.object).map((claim) => book.release?.(claim) as Claim) }),
  actions: {
    Paint: (before, { colour }) => {
      if (before.status !== 'live') return refused('there is no such thing');
      if (before.facts['colour'] === colour) return accepted([]);
      return accepted([{ type: 'ThingPainted.v1', data: { colour: colour as string } }]);
    },
    Dress: (_, { colour, labels }) =>
      accepted([
        { type: 'LabelsChanged.v1', data: { labels: labels as Record<string, string> } },
        { type: 'ThingPainted.v1', data: { colour: colour as string } },
      ]),
    Explode: () => {
      throw new Error('a bug in the decider');
    },
  },
  evolve: {
    'ThingPainted.v1': ({ object }, data) => ({ object: { ...object, status: { ...data } }, facts: { ...data } }),
  },
};

const namespaceKind: KindModule = {
  ...common,
  group: '',
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  namespaced: false,
  evolve: {},
};

export const Thing = kindRef('Thing');

export function thingDomain(loops: readonly Loop[] = []): DomainModule {
  return { context: 'network', kinds: [thingKind, namespaceKind], reservations: [book], loops };
}

/** The event that creates a namespace, as a writer would append it; its request id is `uid` as well. */
export function namespaceCreated(name: string, uid: string): NewEvent {
  const time = new Date().toISOString();
  return {
    id: uid,
    type: 'NamespaceCreated.v1',
    data: { metadata: { name, uid, creationTimestamp: time } },
    metadata: {
      uid,
      actor: { user: 'tester', verified: false },
      requestId: uid,
      $correlationId: uid,
      $causationId: uid,
      time,
      append: { index: 0, count: 1 },
    },
  };
}
