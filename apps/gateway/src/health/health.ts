/** Whether everything works that a request may need (DESIGN: `/readyz`). */
import { type Bus, subjects } from '@weft/bus';
import type { EventStore } from '@weft/event-store';

const ANSWER_MS_MAX = 1_500;

/** One thing that was looked at; empty `problems` means that it works. */
export type Check = Readonly<{ name: string; problems: readonly string[] }>;

export type Checked = Readonly<{ store: EventStore; bus: Bus; services: readonly string[]; problems: () => readonly string[] }>;

/** All checks at once, each bounded in time. Never rejects. */
export async function readiness({ store, bus, services, problems }: Checked): Promise<Check[]> {
  const [storeProblems, ...serviceProblems] = await Promise.all([
    withinTime(store.ping().then(() => [])),
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

async function withinTime(answer: Promise<readonly string[]>): Promise<readonly string[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly string[]>((resolve) => {
    timer = setTimeout(() => resolve([`no answer within ${ANSWER_MS_MAX} ms`]), ANSWER_MS_MAX);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    return [(error as Error).message];
  } finally {
    clearTimeout(timer);
  }
}
