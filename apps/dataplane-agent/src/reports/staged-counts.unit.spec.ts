import { type ElementCount, type EntryObject, portDevice } from '@weft/fabric';
import { VirtualClock } from '@weft/testing/virtual-clock';
import { StagedCounts, type StagedReport } from './staged-counts.ts';

const [WEB, DB] = ['00000001-aaaa-4bbb-8ccc-dddddddddddd', '00000002-aaaa-4bbb-8ccc-dddddddddddd'];
const counting = (nic: string, value: string, ...policies: string[]): EntryObject => ({
  ...{ kind: 'entry', scope: 'r200', section: 'policy_staged_ingress', key: portDevice(nic), value, position: '9' },
  owner: `NetworkPolicy/${policies.join(',')}`,
});
const keyOfNic = (nic: string) => `entry/r200/policy_staged_ingress/${portDevice(nic)}`;

function given() {
  const clock = new VirtualClock({ turns: 20 });
  const counts = new Map<string, ElementCount>();
  const reports: StagedReport[] = [];
  const asked: number[][] = [];
  const staged = new StagedCounts({
    driver: {
      counts: async (vnis) => {
        asked.push([...vnis]);
        return new Map(counts);
      },
    },
    clock,
    report: (report) => reports.push(report),
  });
  const seconds = async (n: number) => {
    for (let i = 0; i < n; i++) {
      staged.tick(() => [WEB, DB]);
      await clock.advance(1_000);
    }
  };
  return { counts, reports, asked, staged, seconds };
}

describe('what staged policies would refuse on a host', () => {
  it('is told by policy while there are any, and once that there are none any more', async () => {
    const { counts, reports, asked, staged, seconds } = given();
    await seconds(5);
    expect([asked, reports]).toEqual([[], []]);
    staged.noted({ put: [counting(WEB, '7', 'one'), counting(DB, '8', 'one', 'two')], remove: [] });
    counts.set(keyOfNic(WEB), { value: '7', packets: 3 }).set(keyOfNic(DB), { value: '8', packets: 40 });
    await seconds(3);
    expect(asked[0]).toEqual([200]);
    const busy = { nic: DB, direction: 'ingress', packets: 40 };
    expect(reports[0]?.policies).toEqual([
      { policy: 'one', egress: 0, ingress: 43, interfaces: 2, busiest: [busy, { nic: WEB, direction: 'ingress', packets: 3 }] },
      { policy: 'two', egress: 0, ingress: 40, interfaces: 1, busiest: [busy] },
    ]);
    const before = reports.length;
    staged.noted({ put: [], remove: [counting(WEB, '7', 'one'), counting(DB, '8', 'one', 'two')] });
    await seconds(10);
    expect(reports.slice(before).map(({ policies }) => policies)).toEqual([[]]);
  });

  it('leaves out what a kernel counts for a policy as it was before', async () => {
    const { counts, reports, staged, seconds } = given();
    staged.noted({ put: [counting(WEB, '8', 'one')], remove: [] });
    counts.set(keyOfNic(WEB), { value: '7', packets: 3 });
    await seconds(1);
    expect(reports.map(({ policies }) => policies)).toEqual([[]]);
  });
});
