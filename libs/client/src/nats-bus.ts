import type { EventBus } from './bus-source.ts';

export type NatsOptions = Readonly<{ servers: string | readonly string[]; token?: string; user?: string; pass?: string }>;

/** A connection of its own to NATS, which heals by itself. Rejects when none of the servers answers. `close` ends it. */
export async function natsBus({ servers, ...credentials }: NatsOptions): Promise<EventBus & Readonly<{ close(): Promise<void> }>> {
  const { connect } = await import('@nats-io/transport-node');
  const settings = { ...credentials, servers: [servers].flat(), maxReconnectAttempts: -1, ignoreClusterUpdates: true, name: 'weft-client' };
  const connection = await connect(settings).catch((cause: Error) => {
    throw new Error(`no NATS server lets this program in at ${settings.servers.join(', ')}: ${cause.message}`, { cause });
  });
  return {
    subscribe: (subject, handler) => {
      const subscription = connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) handler(message);
        },
      });
      return {
        stop: async () => {
          if (!connection.isClosed()) subscription.unsubscribe();
        },
      };
    },
    close: () => connection.close(),
  };
}
