/** Packets between interfaces and the internet: VirtualIPs, as `compile` and the driver make it of rows (linux-dataplane 4.2, 4.3). */
import { Internet, type LabNic, LabWorld, must, Netlab, whyNoNetlab } from '@weft/testing';

const unfit = whyNoNetlab();
const RED = 300;
const BLUE = 70_000;
const [V4, V6] = ['203.0.113.7', '2001:db8:100::7'];

if (unfit !== undefined) it.skip(`Packets from and to the internet (${unfit})`, () => {});
else
  describe('Packets from and to the internet', () => {
    let lab: Netlab;
    let internet: Internet;
    let world: LabWorld;
    let web: LabNic;
    let near: LabNic;
    let blue: LabNic;
    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      const [h1, h2, h3] = lab.hosts as [LabNic['host'], LabNic['host'], LabNic['host']];
      internet = await Internet.create(lab, [h1, h2]);
      world = new LabWorld(lab, lab.hosts, internet);
      web = world.add('web', h3, RED, 1);
      near = world.add('near', h1, RED, 2);
      blue = world.add('blue', h3, BLUE, 1);
      world.virtualIp(V4, web);
      world.virtualIp(V6, web);
      await world.settle();
    });
    afterAll(async () => {
      await world?.close();
      await lab?.close();
    });

    it('packet P-50, P-51: leave with the VirtualIP for their source, and come to it at any edge', async () => {
      for (const edge of internet.edges) {
        await internet.enterAt(edge);
        for (const ip of internet.ips) expect(await lab.ping(web.netns, ip, { count: 2 })).toMatchObject({ received: 2 });
        for (const ip of [V4, V6]) expect(await lab.ping(internet.netns, ip, { count: 2 })).toMatchObject({ received: 2 });
      }
      void [near, blue, must];
    });
  });
