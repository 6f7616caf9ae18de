/** NetworkPolicies on the way of a packet: the sender's egress and the receiver's ingress, each in its own router (provider R-28). */
import { type EndVerdict, type Flow, type FlowEnd, judgeEnd, type Refusal } from '../evaluate/policy-verdict.ts';
import type { Ends, FeatureSteps, Place, Walk } from '../evaluate/walk.ts';
import type { PolicyDirection } from '../rows/rows.ts';

export const policySteps: FeatureSteps = {
  name: 'policies',
  filter: (walk, direction, host, ends) => {
    if (walk.isKnownAt(host)) return undefined;
    const verdict = judgeEnd(walk.rows, direction, flowOf(walk, ends, direction));
    const at = `policy ${direction}` as const;
    const what = direction === 'egress' ? 'send' : 'receive';
    if (verdict.reason === 'Outside') return undefined;
    if (verdict.passes) {
      const why = verdict.reason === 'Admitted' ? 'a policy admits it' : `no policy restricts what it may ${what}`;
      const { staged } = verdict;
      if (staged === undefined) walk.step(at, host, why, verdict.rows);
      else {
        const more = { refusals: reasonsOf(staged.refusals), staged: staged.isolatedBy };
        walk.step(at, host, `${why}, but ${namesText('staged ', staged.isolatedBy)} would refuse this`, verdict.rows, more);
      }
      return undefined;
    }
    walk.step(at, host, refusalOf(verdict, what), verdict.rows, { refusals: reasonsOf(verdict.refusals) });
    const { protocol, dstPort } = walk.header;
    const reason = direction === 'egress' ? 'PolicyEgress' : 'PolicyIngress';
    return walk.drop(reason, host, `${protocol}${dstPort === undefined ? '' : ` ${dstPort}`} is not admitted`);
  },
};

/**
 * Addresses as R-28.5 has them: the source as the receiver sees it, the destination as the sender wrote it. What a router of a peered network has translated comes
 * without a word of the balancer that is believed (ADR 49).
 */
function flowOf({ header, sent }: Walk, { sender, receiver }: Ends, direction: PolicyDirection): Flow {
  const { protocol, dstPort } = header;
  const isTold = direction === 'egress' || sender?.vni === undefined || sender.vni === receiver?.vni;
  const to = endOf(isTold ? sent.dst : header.dst, receiver);
  return { from: endOf(header.src, sender), to, protocol, ...(dstPort !== undefined && { port: dstPort }) };
}

function endOf(address: string, place: Place | undefined): FlowEnd {
  return place === undefined ? { address } : { vni: place.vni, nic: place.nic, address };
}

function refusalOf({ reason, isolatedBy = [] }: EndVerdict, what: string): string {
  if (reason === 'Unknown') return `it is not known what it may ${what}`;
  const verb = isolatedBy.length === 1 ? 'restricts' : 'restrict';
  return `${namesText('', isolatedBy)} ${verb} what it may ${what}, and no rule admits this`;
}

/** `which`: a word before, with its blank. */
function namesText(which: string, names: readonly string[]): string {
  return `${which}${names.length === 1 ? 'policy' : 'policies'} ${names.join(', ')}`;
}

function reasonsOf(refusals: readonly Refusal[] = []): readonly string[] {
  return refusals.map(({ policy, rule, detail }) => `rule ${rule + 1} of ${policy}: ${detail}`);
}
