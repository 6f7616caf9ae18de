/** Which owner a command goes to: the context of its kind or reservation, and the partition of its key (DESIGN 9.4). */
import type { Command, Context, DomainModule, KindModule, ObjectKey, ReservationModule } from '@weft/api';
import { hash32 } from '../lease/rendezvous.ts';

/** Fixed for the life of a store. */
export const PARTITIONS = 64;

export type Route = Readonly<{ context: Context; partition: number }>;

export interface Routing {
  kind(name: string): KindModule | undefined;
  reservation(stream: string): ReservationModule | undefined;
  /** Undefined for a kind or reservation that no domain has. */
  route(command: Command): Route | undefined;
  ofStream(stream: string): Route | undefined;
  ofKey(key: ObjectKey): Route | undefined;
}

export function partitionOf(partitionKey: string): number {
  return hash32(partitionKey) % PARTITIONS;
}

export function createRouting(domains: readonly DomainModule[]): Routing {
  const kinds = new Map(domains.flatMap((domain) => domain.kinds.map((module) => [module.kind, module] as const)));
  const reservations = new Map(domains.flatMap((domain) => domain.reservations.map((module) => [module.category, module] as const)));
  const partitions = new Map<string, number>();

  const partition = (key: string): number => {
    let found = partitions.get(key);
    if (found === undefined) {
      if (partitions.size >= 10_000) partitions.clear();
      partitions.set(key, (found = partitionOf(key)));
    }
    return found;
  };
  const ofKey = (key: ObjectKey): Route | undefined => {
    const module = kinds.get(key.kind);
    return module && { context: module.context, partition: partition(module.partitionKey(key)) };
  };
  const reservation = (stream: string) => reservations.get(stream.slice(0, Math.max(0, stream.indexOf('-'))));
  const ofReservation = (stream: string): Route | undefined => {
    const module = reservation(stream);
    return module && { context: module.context, partition: partition(module.partitionKey(stream)) };
  };
  return {
    kind: (name) => kinds.get(name),
    reservation,
    ofKey,
    ofStream: ofReservation,
    route: (command) => {
      if (command.verb === 'reserve') return ofReservation(command.stream);
      if (command.verb !== 'create') return ofKey(command.key);
      // Without a name (generateName) the key is still the namespace's, or the kind's.
      const { kind, namespace } = command;
      return ofKey(namespace === undefined ? { kind, name: '' } : { kind, namespace, name: '' });
    },
  };
}
