/** Whether everything works that a request may need (DESIGN: `/readyz`). */
import { type Timers, within } from '@weft/api';
import { type Bus, subjects } from '@weft/bus';
import type { EventStore } from '@weft/event-store';

const ANSWER_MS_MAX = 1_500;

/** The result for one part; empty `problems` means that it works. */
export type Check = Readonly<{ name: string; problems: readonly string[]; replicas?: readonly Replica[] }>;

/** What one replica of a service holds: so many of the context's partitions, the right to send what control loops owe, and to publish rows. */
export type Replica = Readonly<{ replica: string; partitions: number; loops: boolean; rows: boolean }>;

export type Checked = Readonly<{
  store: EventStore;
  bus: Bus;
  timers: Timers;
  services: readonly string[];
  problems: () => readonly string[];
}>;

/** All checks at once, each bounded in time. Never rejects. */
export async function readiness({ store, bus, timers, services, problems }: Checked): Promise<Check[]> {
  const [storeProblems, ...serviceChecks] = await Promise.all([
    storeHealth(store, timers),
    ...services.map((service) => serviceHealth(bus, service)),
  ]);
  return [
    { name: 'gateway', problems: problems() },
    { name: 'event-store', problems: storeProblems },
    { name: 'bus', problems: bus.connected ? [] : ['not connected'] },
    ...serviceChecks,
  ];
}

async function serviceHealth(bus: Bus, name: string): Promise<Check> {
  try {
    const answer: unknown = JSON.parse(
      Buffer.from(await bus.request(subjects.health(name), new Uint8Array(), { timeoutMs: ANSWER_MS_MAX })).toString(),
    );
    const { problems, replicas } = answer as { problems?: unknown; replicas?: unknown };
    if (!Array.isArray(problems)) return { name, problems: ['its health cannot be read'] };
    // A service of the version before says nothing about replicas.
    return { name, problems: problems.map(String), ...(Array.isArray(replicas) && { replicas: replicas as readonly Replica[] }) };
  } catch (error) {
    return { name, problems: [(error as Error).message] };
  }
}

/** `weft-1-9f3a holds 40 partitions, loops`, for people. */
export function replicaText({ replica, partitions, loops, rows }: Replica): string {
  const parts = [...(partitions > 0 ? [`${partitions} partitions`] : []), ...(loops ? ['loops'] : []), ...(rows ? ['rows'] : [])];
  return `${replica} holds ${parts.length === 0 ? 'nothing' : parts.join(', ')}`;
}

async function storeHealth(store: EventStore, timers: Timers): Promise<readonly string[]> {
  try {
    const answered = await within(
      timers,
      ANSWER_MS_MAX,
      store.ping().then(() => true),
    );
    return answered === true ? [] : [`no answer within ${ANSWER_MS_MAX} ms`];
  } catch (error) {
    return [(error as Error).message];
  }
}
