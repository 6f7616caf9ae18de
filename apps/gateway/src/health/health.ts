/** Whether everything works that a request may need (DESIGN: `/readyz`). */
import { type Timers, within } from '@weft/api';
import { type Bus, subjects } from '@weft/bus';
import type { EventStore } from '@weft/event-store';

const ANSWER_MS_MAX = 1_500;

/** The result for one part; empty `problems` means that it works. */
export type Check = Readonly<{ name: string; problems: readonly string[] }>;

export type Checked = Readonly<{
  store: EventStore;
  bus: Bus;
  timers: Timers;
  services: readonly string[];
  problems: () => readonly string[];
}>;

/** All checks at once, each bounded in time. Never rejects. */
export async function readiness({ store, bus, timers, services, problems }: Checked): Promise<Check[]> {
  const [storeProblems, ...serviceProblems] = await Promise.all([
    storeHealth(store, timers),
    ...services.map((service) => serviceHealth(bus, service)),
  ]);
  return [
    { name: 'gateway', problems: problems() },
    { name: 'event-store', problems: storeProblems },
    { name: 'bus', problems: bus.connected ? [] : ['not connected'] },
    ...services.map((name, index) => ({ name, problems: serviceProblems[index] as readonly string[] })),
  ];
}

async function serviceHealth(bus: Bus, service: string): Promise<readonly string[]> {
  try {
    const answer: unknown = JSON.parse(
      Buffer.from(await bus.request(subjects.health(service), new Uint8Array(), { timeoutMs: ANSWER_MS_MAX })).toString(),
    );
    const { problems } = answer as { problems?: unknown };
    return Array.isArray(problems) ? problems.map(String) : ['its health cannot be read'];
  } catch (error) {
    return [(error as Error).message];
  }
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
