/** States that facts would make, without storing them: for dry runs, and for what follows from a decision. */
import type { KeptCommand } from '../append/kept-command.ts';
import { advance } from '../fold/evolve.ts';
import type { Accepted, DecideContext, Fact, Folded } from '../kind/kind.ts';
import { type ObjectMeta, streamOf } from '../kind/object.ts';
import type { Registry } from '../registry/registry.ts';

/** The state after these facts; it keeps the position of `before`. A new object is that of the manager whom `command` names. */
export function foldFacts(
  registry: Registry,
  before: Folded,
  facts: readonly Fact[],
  context: Pick<DecideContext, 'now' | 'requestId'>,
  command?: KeptCommand,
): Folded {
  let state = before;
  let revision = before.revision === 'none' ? -1n : before.revision;
  facts.forEach(({ type, data }, index) => {
    revision += 1n;
    state = advance(
      registry,
      state,
      {
        id: '',
        type,
        data,
        stream: streamOf(before.key),
        revision,
        position: before.position,
        metadata: {
          actor: { user: '', verified: false },
          requestId: context.requestId,
          $correlationId: '',
          $causationId: '',
          time: context.now,
          append: { index, count: facts.length },
          ...(command !== undefined && { command }),
        },
      },
      { requests: false },
    );
  });
  return state;
}

/**
 * What a dry run answers: the state as it would be. A new one has no resourceVersion, a present one keeps its own. Facts that wait for grants
 * are left out.
 */
export function previewOf(
  registry: Registry,
  before: Folded,
  decision: Accepted,
  context: Pick<DecideContext, 'now' | 'requestId'>,
  command?: KeptCommand,
): Folded {
  const after = foldFacts(registry, before, decision.facts, context, command);
  const { object } = after;
  const resourceVersion = before.status === 'live' ? before.object.metadata.resourceVersion : '';
  const metadata: Partial<ObjectMeta> = { ...object.metadata, resourceVersion };
  if (resourceVersion === '') delete metadata.resourceVersion;
  return { ...after, object: { ...object, metadata: metadata as ObjectMeta } };
}
