/** What plans need is derived with the first one and given up after a while, or ahead where that is wanted. */
import { Slices, systemClock } from '@weft/api';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { twoHosts } from '../testing/two-hosts.ts';
import { PlanModel } from './plan-model.ts';

const HOUR_MS = 3_600_000;

type Parts = ConstructorParameters<typeof PlanModel>;

function modelOf(isKeptReady: boolean, { clock = new VirtualClock(), slices = new Slices(systemClock) } = {}) {
  const { world } = twoHosts();
  const followed = { begun: 0, ended: 0 };
  const consume = () => {
    followed.begun++;
    return () => void followed.ended++;
  };
  const follower = Object.assign(world.fold, { consume, caughtUp: false });
  const warnings: string[] = [];
  const log = { warn: ({ err }: { err: Error }) => warnings.push(err.message) };
  const platform = { follower, registry: world.registry, clock, log, store: { readStream: async function* () {} } };
  const model = new PlanModel(platform as unknown as Parts[0], slices, { isKeptReady });
  const planned = () => model.rehearse(async (rehearsal) => [...rehearsal.tables.keys()]);
  return { model, clock, follower, followed, planned, warnings };
}

describe('What plans need', () => {
  it('is derived with the first plan, and given up when none has come for a while', async () => {
    const { model, clock, follower, followed, planned } = modelOf(false);
    follower.caughtUp = true;
    await clock.advance(HOUR_MS);
    expect(followed).toEqual({ begun: 0, ended: 0 });
    expect(await planned()).toContain('endpoints.200');
    expect(followed).toEqual({ begun: 1, ended: 0 });
    await clock.advance(HOUR_MS);
    expect(followed).toEqual({ begun: 1, ended: 1 });
    model.stop();
  });

  it('is derived once the log is read where plans are kept ready, and stays until the end', async () => {
    const { model, clock, follower, followed, planned } = modelOf(true);
    await clock.advance(HOUR_MS);
    expect(followed.begun).toBe(0);
    follower.caughtUp = true;
    await clock.advance(HOUR_MS);
    expect(followed).toEqual({ begun: 1, ended: 0 });
    expect(await planned()).toContain('endpoints.200');
    await clock.advance(HOUR_MS);
    expect(followed).toEqual({ begun: 1, ended: 0 });
    model.stop();
    expect(followed).toEqual({ begun: 1, ended: 1 });
  });

  it('is derived no further ahead once a plan waits, which goes on with it in its own time', async () => {
    const told: string[] = [];
    let plan: Promise<readonly string[]> | undefined;
    const clock = new SlowClock(() => told.push('plan'));
    const next = async () => {
      told.push('slice');
      plan ??= planned();
    };
    const { model, follower, planned, warnings } = modelOf(true, { clock, slices: { next } as unknown as Slices });
    follower.caughtUp = true;
    await clock.advance(10_000);
    expect(await plan).toContain('endpoints.200');
    expect(warnings).toEqual([]);
    expect(told.slice(0, 2)).toEqual(['slice', 'plan']);
    expect(told.length).toBeGreaterThan(2);
    model.stop();
  });
});

it('is warned of when it cannot be derived ahead, and tried again', async () => {
  const next = () => Promise.reject(new Error('no memory'));
  const { model, clock, follower, warnings } = modelOf(true, { clock: new SlowClock(() => {}), slices: { next } as unknown as Slices });
  follower.caughtUp = true;
  await clock.advance(12_000);
  expect(warnings).toEqual(['no memory', 'no memory']);
  model.stop();
});

/** By which each look takes longer than a slice. Plans ask it for the time of day. */
class SlowClock extends VirtualClock {
  readonly #onNow: () => void;
  #looks = 0;

  constructor(onNow: () => void) {
    super();
    this.#onNow = onNow;
  }

  override now(): Date {
    this.#onNow();
    return super.now();
  }

  override monotonicMs(): number {
    return super.monotonicMs() + 6 * this.#looks++;
  }
}
