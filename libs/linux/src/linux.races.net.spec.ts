/** What a driver makes of listings that were taken while the kernel changed. */
import { type LabNic, LabWorld, Netlab, whyNoNetlab } from '@weft/testing';
import { createKernelAccess } from './kernel/create-kernel-access.ts';
import type { KernelAccess } from './kernel/kernel-access.ts';
import { createLinuxDriver } from './linux.driver.ts';
import { portDevice } from './objects/names.ts';

const unfit = whyNoNetlab();
const RED = 300;

if (unfit === undefined) {
  describe('A listing of a router that was taken meanwhile', () => {
    let lab: Netlab;
    let world: LabWorld;
    let nic: LabNic;
    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 2 });
      world = new LabWorld(lab);
      nic = world.add('red-a', lab.hosts[0]!, RED, 1);
      world.add('red-b', lab.hosts[1]!, RED, 2);
      await world.settle();
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    /** A driver that is told `change` of each listing, first, second… */
    function reading(change: (text: string, listing: number) => string) {
      const real = createKernelAccess({ hostNetns: nic.host.netns });
      let listings = 0;
      const access: KernelAccess = {
        ...real,
        async shell(namespace, script, input, onText) {
          if (!script.includes('@fdb') || onText === undefined) return real.shell(namespace, script, input, onText);
          const texts: string[] = [];
          const answer = await real.shell(namespace, script, input, (text) => texts.push(text));
          onText(change(texts.join(''), ++listings));
          return answer;
        },
      };
      return createLinuxDriver({ identity: world.identityOf(nic.host), access });
    }
    const partial = async (change: (text: string, listing: number) => string) => {
      const driver = reading(change);
      try {
        return Object.fromEntries((await driver.read()).partial);
      } finally {
        await driver.close();
      }
    };
    const isRoute = (line: string) => / dev vx .*proto 200/.test(line);

    it('may name routes twice: none of them is a stray', async () => {
      const doubled = (text: string) =>
        text
          .split('\n')
          .flatMap((line) => (isRoute(line) ? [line, line] : [line]))
          .join('\n');
      expect(doubled('10.0.0.2 via inet6 fe80::1 dev vx proto 200').split('\n')).toHaveLength(2);
      expect(await partial(doubled)).toEqual({});
    });

    it('may show what is gone a moment later: a stray is looked at again', async () => {
      const stray = (text: string) => text.replace('@route\n', '@route\n10.66.0.1 dev vx proto 99 scope link \n');
      expect(await partial((text, listing) => (listing === 1 ? stray(text) : text))).toEqual({});
      expect(await partial(stray)).toEqual({ [`router/${RED}`]: expect.stringContaining('stray') });
    });

    it('may show a device before its label: it is that of the port which is being made', async () => {
      const real = createKernelAccess({ hostNetns: nic.host.netns });
      let seen: readonly string[] | undefined;
      const access: KernelAccess = {
        ...real,
        async ip(namespace, lines) {
          const add = lines.findIndex((line) => line.startsWith('link add g'));
          if (add < 0) return real.ip(namespace, lines);
          const faults = [...(await real.ip(namespace, lines.slice(0, add + 1)))];
          seen = [...(await driver.read()).partial.keys()];
          for (const { line, detail } of await real.ip(namespace, lines.slice(add + 1))) faults.push({ line: line + add + 1, detail });
          return faults;
        },
      };
      const driver = createLinuxDriver({ identity: world.identityOf(nic.host), access });
      const made = world.add('red-c', nic.host, RED, 3);
      try {
        expect((await driver.apply({ put: [made.port], remove: [] })).failed).toEqual([]);
        expect(seen).toEqual([]);
        // Whoever named it by its device meanwhile erases nothing.
        const phantom = { ...made.port, nic: `${portDevice(made.port.nic)}@${RED}` };
        expect((await driver.apply({ put: [], remove: [phantom] })).failed).toEqual([]);
      } finally {
        await driver.close();
      }
      await world.settle();
      expect(await lab.ping(made.netns, '10.0.0.2')).toMatchObject({ received: 1 });
    });
  });
} else it.skip(`A listing of a router that was taken meanwhile (${unfit})`, () => {});
