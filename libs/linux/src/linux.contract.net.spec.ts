import { FEATURES, type KernelObject } from '@weft/fabric';
import { KernelWatch, must, Netlab, namespaces, whyNoNetlab } from '@weft/testing';
import { createLinuxDriver } from './linux.driver.ts';
import { hostPrefix, nextHop, portDevice, routerNamespace } from './objects/names.ts';
import { describeDriverContract } from './testing/driver.contract.ts';
import { describeEntriesContract } from './testing/entries.contract.ts';
import { entriesFeature } from './testing/entries.feature.ts';

const unfit = whyNoNetlab();

/** One lab; each test gets a host of its own from it, so that what one leaves behind shows in no other. */
async function harnessOn(lab: Netlab) {
  const host = lab.hosts[0]!;
  const identity = { host: host.name, index: host.index, underlay: host.underlay };
  const open = async () => createLinuxDriver({ identity, hostNetns: host.netns, features: [...FEATURES, entriesFeature] });
  const guests = new Set<string>();

  async function damage(object: KernelObject): Promise<boolean> {
    if (object.kind === 'guard' || object.kind === 'entry') return false; // The guard puts itself back.
    const router = routerNamespace(host.index, object.vni);
    switch (object.kind) {
      case 'router':
        await must(router, ['ip', 'route', 'del', 'unreachable', '0.0.0.0/0', 'metric', '4278198272']);
        break;
      case 'peer':
        await must(router, ['ip', 'neigh', 'del', nextHop(object.vni, object.hostIndex), 'dev', 'vx']);
        break;
      case 'route':
        await must(router, ['ip', 'route', 'del', hostPrefix(object.address)]);
        break;
      case 'port': {
        const element = `{ "${portDevice(object.nic)}" . ${object.mac} . ${object.ips[0]} }`;
        await must(router, ['nft', `delete element inet dp src4 ${element}`]);
        break;
      }
    }
    return true;
  }

  return {
    identity,
    open,
    reopen: open,
    async close() {
      const left: string[] = [...lab.routers()];
      const ruleset = await must(host.netns, ['nft', 'list', 'ruleset']);
      if (left.length > 0 || ruleset.includes('dp_underlay')) {
        // Most tests end with objects: a driver removes them, and then nothing may be left.
        const driver = await open();
        const { objects, partial } = await driver.read();
        const { failed } = await driver.apply({ put: [], remove: [...objects.values()] });
        await driver.close();
        if (failed.length + partial.size > 0) throw new Error(`could not clean up: ${JSON.stringify([failed, [...partial]])}`);
        left.splice(0, left.length, ...lab.routers());
      }
      if ((await must(host.netns, ['nft', 'list', 'ruleset'])).trim() !== '') left.push('an nft table');
      left.push(...namespaces().filter((netns) => guests.has(netns)));
      if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
    },
    async watch(action: () => Promise<void>) {
      const all = [host.netns, ...lab.routers(), ...namespaces().filter((name) => guests.has(name))];
      const watch = await KernelWatch.start(all);
      await action();
      return watch.stop();
    },
    damage,
    nic() {
      const { uid, netns } = lab.nic();
      guests.add(netns);
      return uid;
    },
    runs: 3,
  };
}

if (unfit === undefined) {
  const lab = await Netlab.create({ hosts: 1 });
  const harness = await harnessOn(lab);
  describeDriverContract('The Linux driver', harness);
  describeEntriesContract('The Linux driver', harness);
  afterAll(() => lab.close());
} else it.skip(`The Linux driver keeps the driver contract (${unfit})`, () => {});
