/** What plans need is derived with the first one and given up after a while, or ahead where that is wanted. */
import { Slices, systemClock } from '@weft/api';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { twoHosts } from '../testing/two-hosts.ts';
import { PlanModel } from './plan-model.ts';

const HOUR_MS = 3_600_000;

function modelOf(isKeptReady: boolean) {
  const { world } = twoHosts();
  const clock = new VirtualClock();
  const followed = { begun: 0, ended: 0 };
  const consume = () => {
    followed.begun++;
    return () => void followed.ended++;
  };
  const follower = Object.assign(world.fold, { consume, caughtUp: false });
  const platform = { follower, registry: world.registry, clock, store: { readStream: async function* () {} } };
  const model = new PlanModel(platform as unknown as ConstructorParameters<typeof PlanModel>[0], new Slices(systemClock), { isKeptReady });
  const planned = () => model.rehearse(async (rehearsal) => [...rehearsal.tables.keys()]);
  return { model, clock, follower, followed, planned };
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
});
