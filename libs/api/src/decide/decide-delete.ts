/** Decides a deletion: notes the request for it while something holds the object, else ends the object. */
import { deletionRequested, wholeSeconds } from '../fold/common-events.ts';
import type { Decision } from '../kind/kind.ts';
import { meansVersion } from '../log/resource-version.ts';
import { cascadeFacts } from '../owners/cascades.ts';
import { conflict, notFound } from '../status/statuses.ts';
import { type CommandOf, type Deciding, rejected } from './deciding.ts';
import { endOf, isHeld } from './end.ts';
import { foldFacts } from './preview.ts';

export function decideDelete(on: Deciding, command: CommandOf<'delete'>): Decision {
  const { kind, before, context } = on;
  const { name } = before.key;
  if (before.status !== 'live') return rejected(notFound(kind, name));
  const { metadata } = before.object;
  const { uid, resourceVersion } = command.preconditions ?? {};
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    return rejected(conflict(kind, name, why));
  }
  if (resourceVersion !== undefined && !meansVersion(resourceVersion, metadata.resourceVersion)) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    return rejected(conflict(kind, name, why));
  }
  const veto = kind.onDelete?.(before, context, { force: command.force === true });
  if (veto !== undefined) return rejected(veto);
  const cascade = cascadeFacts(metadata, command.propagationPolicy);
  // Asked again, with another policy: that one decides from now on, as in Kubernetes. If nothing holds the object any more, it ends (`withConsequences`).
  if (metadata.deletionTimestamp !== undefined) return { outcome: 'accepted', facts: cascade };
  const { object } = cascade.length === 0 ? before : foldFacts(on.registry, before, cascade, context);
  if (!isHeld(kind, object)) return endOf(on, before, []);
  return { outcome: 'accepted', facts: [...cascade, deletionRequested(wholeSeconds(context.now))] };
}
