/** What a changed label costs: loops that are asked, whatever the number of interfaces and policies. */
import { networkDomain, networkKey, nicKey } from '@weft/network';
import { WrittenLog } from '@weft/testing';
import { policyDomain } from '../policy.domain.ts';
import { policyKey, ruleKey } from '../testing/policies.ts';

const NET = networkKey('ns', 'net');

/** One network; interface `i` is selected by policy `i % policies` alone. */
class Site extends WrittenLog {
  readonly #policies: number;

  constructor(nics: number, policies: number) {
    super([networkDomain, policyDomain]);
    this.#policies = policies;
    this.create({ kind: 'Namespace', name: 'ns' });
    const network = this.create(NET);
    for (let p = 0; p < policies; p++) {
      const rules = { networkRef: { name: 'net' }, policyTypes: ['Ingress'], networkInterfaceSelector: { matchLabels: { app: `a${p}` } } };
      this.create(policyKey(`p${p}`), { spec: rules });
      this.create(ruleKey(`p${p}`), { uid: `rule-${p}` });
      this.happen(ruleKey(`p${p}`), { type: 'NetworkPolicyRulesCopied.v1', data: { rules, network } });
    }
    for (let i = 0; i < nics; i++) this.#nic(i);
    this.asked(() => {});
  }

  #nic(i: number): void {
    const ip = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    const key = nicKey('ns', `n${i}`);
    this.create(key, { uid: `nic-${i}`, spec: { networkRef: { name: 'net' }, ips: [{ value: ip }] } });
    this.happen(key, { type: 'NetworkInterfaceAddressed.v1', data: { ips: [ip], index: i } });
    this.label(i, i % this.#policies);
    this.join(i, i % this.#policies);
  }

  label(i: number, policy: number): void {
    this.happen(nicKey('ns', `n${i}`), { type: 'LabelsChanged.v1', data: { labels: { app: `a${policy}`, zone: 'z' } } });
  }

  join(i: number, policy: number): void {
    const ip = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    this.happen(ruleKey(`p${policy}`), { type: 'NetworkPolicyTargetJoined.v1', data: { uid: `nic-${i}`, name: `n${i}`, ips: [ip] } });
  }

  leave(i: number, policy: number): void {
    this.happen(ruleKey(`p${policy}`), { type: 'NetworkPolicyTargetLeft.v1', data: { uid: `nic-${i}` } });
  }
}

describe('What is asked because a label of one interface changes', () => {
  it('is that interface, then the two policies that it leaves and joins, in a small network as in a large one', () => {
    const moved = [new Site(6, 3), new Site(300, 30)].map((site) => {
      const labelled = site.asked(() => site.label(1, 2));
      expect(site.owed('policy-interfaces')).toMatchObject([
        { key: { name: 'p2' }, payload: { target: ['10.0.0.1'] } },
        { key: { name: 'p1' }, payload: { peers: {} } },
      ]);
      const joined = site.asked(() => {
        site.leave(1, 1);
        site.join(1, 2);
      });
      expect(site.owed('policy-interfaces')).toEqual([]);
      return { labelled, joined };
    });
    expect(moved[1]).toEqual(moved[0]);
    expect(moved[1]?.labelled).toEqual({ 'settle-interfaces': 1, 'policy-interfaces': 1 });
    expect(moved[1]?.joined).toEqual({ 'policy-interfaces': expect.any(Number), 'leave-policies': expect.any(Number) });
  });
});
