import { createMemoryHub } from '@weft/bus';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { until } from '@weft/testing/waiting';
import { SameSettings } from './same-settings.ts';

describe('SameSettings', () => {
  const hub = createMemoryHub();
  const clock = new VirtualClock();
  const start = async (process: string, provider: 'weft' | 'external') => {
    const part = new SameSettings({ process, provider, bus: hub.connect(), clock });
    await part.start();
    return part;
  };

  it('names a process that was started with another provider, and both settings, until that one has ended', async () => {
    const one = await start('network-svc', 'weft');
    const same = await start('gateway', 'weft');
    const other = await start('lb-svc', 'external');
    await clock.advance(2_000);
    await until('the other one is heard', () => one.problems().length === 1);
    expect(one.problems()).toEqual([
      'network-svc was started with WEFT_PROVIDER=weft, and lb-svc with WEFT_PROVIDER=external: start all of Weft with the same',
    ]);
    await until('it hears the others', () => other.problems().length === 2);
    await other.stop();
    await clock.advance(12_000);
    expect([one.problems(), same.problems()]).toEqual([[], []]);
    await one.stop();
    await same.stop();
  });
});
