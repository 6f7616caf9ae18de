/** A kind for tests of claims: things with an address from the book of their namespace. A claim belongs to a request; only that request undoes it. */
import { accepted, rejected } from '../decide/deciding.ts';
import type { Claim, DomainModule, Fact, Folded, KindModule, ReservationModule } from '../kind/kind.ts';
import type { ApiObject } from '../kind/object.ts';
import { badRequest } from '../status/statuses.ts';
import { testKind } from './test-kind.ts';

/** Address -> its holder, and the revisions at which the holder's requests claimed it. */
export type Book = Map<string, { uid: string; requests: Map<string, bigint> }>;
export type BookCommand = { type: 'Claim' | 'Release'; address: string; uid: string; request?: string; revision?: string; at?: string };

export const testBook: ReservationModule<Book> = {
  category: 'Book',
  context: 'network',
  partitionKey: (stream) => stream.slice('Book-'.length),
  initial: () => new Map(),
  decide: (command, book) => {
    const { type, address, uid, request = '', revision = '-1' } = command as BookCommand;
    const holder = book.get(address);
    if (type === 'Claim') {
      if (holder !== undefined && holder.uid !== uid) return rejected(badRequest(`${address} is held by ${holder.uid}`));
      return accepted(holder?.requests.has(request) ? [] : [{ type: 'Claimed.v1', data: { address, uid, request, revision } }]);
    }
    const given = holder?.uid === uid ? withdrawn(holder.requests, command as BookCommand) : [];
    return accepted(given.length === 0 ? [] : [{ type: 'Released.v1', data: { address, uid, requests: given } }]);
  },
  evolve: (book, { type, data }) => {
    const { address, uid } = data as { address: string; uid: string };
    const holder = book.get(address);
    if (type === 'Claimed.v1') {
      const requests = holder?.requests ?? new Map<string, bigint>();
      requests.set(data['request'] as string, BigInt(data['revision'] as string));
      book.set(address, { uid, requests });
    } else {
      for (const request of data['requests'] as string[]) holder?.requests.delete(request);
      if (holder?.requests.size === 0) book.delete(address);
    }
    return book;
  },
  release: ({ stream, command }) => {
    const { address, uid, request = '' } = command as BookCommand;
    return { stream, command: { type: 'Release', address, uid, request } };
  },
};

function withdrawn(requests: ReadonlyMap<string, bigint>, { request, revision }: BookCommand): string[] {
  const meant = ([id, claimed]: readonly [string, bigint]) =>
    request === undefined ? revision === undefined || claimed < BigInt(revision) : id === request;
  return [...requests].filter(meant).map(([id]) => id);
}

export function addressOf({ spec }: ApiObject): string | undefined {
  return (spec?.['notes'] as { address?: string } | undefined)?.address;
}

function claimsOf(object: ApiObject, request: string, revision: string): readonly Claim[] {
  const address = addressOf(object);
  const { uid, namespace = '' } = object.metadata;
  return address === undefined ? [] : [{ stream: `Book-${namespace}`, command: { type: 'Claim', address, uid, request, revision } }];
}

function releasesOf({ object, revision }: Folded): readonly Claim[] {
  const address = addressOf(object);
  const { uid, namespace = '' } = object.metadata;
  const upTo = (BigInt(revision) + 1n).toString();
  return address === undefined ? [] : [{ stream: `Book-${namespace}`, command: { type: 'Release', address, uid, revision: upTo } }];
}

const notesChanged = (object: ApiObject): Fact => ({
  type: 'ThingFieldChanged.v1',
  data: { field: 'notes', ...(object.spec?.['notes'] !== undefined && { value: object.spec['notes'] }) },
});

const claimingKind: KindModule = {
  ...testKind,
  tracksGeneration: false,
  rules: () => [],
  onCreate: (object, { requestId }) => accepted([], { claims: claimsOf(object, requestId, '-1') }),
  onChange: (before, after, { requestId }) => {
    if (addressOf(before.object) === addressOf(after)) return accepted([notesChanged(after)]);
    return accepted([], {
      claims: claimsOf(after, requestId, before.revision.toString()),
      releases: releasesOf(before),
      whenGranted: () => [notesChanged(after)],
    });
  },
  onEnd: (before) => ({ releases: releasesOf(before) }),
};

export const claimingDomain: DomainModule = {
  context: 'network',
  kinds: [claimingKind],
  reservations: [testBook],
};
