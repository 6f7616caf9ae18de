/** Which of the Prefixes that a selector picks a range is taken from (resources 3.12). */
import { anchorsOf, type Facts, hash32, type LabelSelectorModel, selects } from '@weft/api';
import { poolScope } from './prefix.kind.ts';
import { type Candidate, candidateSeen, wantedText } from './prefix.views.ts';
import type { FamilyRequest } from './range-request.ts';

type Choosing = FamilyRequest & Readonly<{ namespace: string; selector: LabelSelectorModel; asking: string }>;

/**
 * Name of the candidate of the highest rank, which is a hash of its uid and of `asking`, the uid of whoever asks. Upstream draws one at random; this gives
 * every repeat the same answer and still spreads those who ask at the same moment, of whom only so many would fit into the first one.
 */
export function chooseParent(wanted: Choosing, facts: Facts): string | undefined {
  const { namespace, selector, asking } = wanted;
  const rank = ({ uid }: Candidate) => hash32(`${asking} ${uid}`);
  let first: Candidate | undefined;
  for (const anchor of anchorsOf(poolScope(namespace, wanted.family), selector)) {
    for (const candidate of facts.seeAll(candidateSeen, 'pool', anchor, wantedText(wanted))) {
      if (!selects(selector, candidate.labels)) continue;
      const difference = first === undefined ? 1 : rank(candidate) - rank(first);
      if (difference > 0 || (difference === 0 && candidate.uid < (first as Candidate).uid)) first = candidate;
    }
  }
  return first?.name;
}
