/**
 * Carries a plan out, if it would still do what it says: it is made once more, on the present, and must come to the same. So it does not matter what has changed since,
 * as long as nothing of it matters to the plan.
 */
import type { Status } from '@weft/api';
import type { GatewayContext } from '../context.ts';
import { conflict } from '../http/failures.ts';
import { makePlan } from './make-plan.ts';
import { type Plan, type Planned, type PlannedCommand, requestIdOf } from './plan.ts';

export type Applied = Readonly<{
  id: string;
  /** In the order of the plan. After a refusal no more are sent. */
  commands: readonly Readonly<{ resource: PlannedCommand['resource']; outcome: 'done' | 'refused' | 'not sent'; message?: string }>[];
  /** Of the log: the last thing that was done. */
  position: string;
}>;

/** Throws 409 when the plan would do something else by now, or be refused. */
export async function applyPlan(context: GatewayContext, planned: Planned, digest: string): Promise<Applied> {
  const now = await makePlan(context, planned);
  if (now.digest !== digest) throw conflict(`the plan would do something else by now: make it again. ${whyOf(now)}`.trimEnd());
  if (now.verdict === 'refused') throw conflict(`the plan is refused: ${refusalsOf(now).join('; ')}`);
  let refused: Status | undefined;
  let position = BigInt(now.position);
  const commands: Applied['commands'][number][] = [];
  for (const [index, { command, resource }] of now.commands.entries()) {
    if (refused !== undefined) {
      commands.push({ resource, outcome: 'not sent' });
      continue;
    }
    const reply = await context.commands.send(command, {
      requestId: requestIdOf(planned.id, index),
      actor: planned.actor,
      after: position,
      timeoutMs: context.config.writeTimeoutMs,
    });
    if (reply.ok) {
      if (BigInt(reply.position) > position) position = BigInt(reply.position);
      context.readPoint.acknowledge(position);
      commands.push({ resource, outcome: 'done' });
    } else {
      refused = reply.status;
      commands.push({ resource, outcome: 'refused', message: reply.status.message ?? '' });
    }
  }
  return { id: planned.id, commands, position: position.toString() };
}

function refusalsOf({ commands }: Plan): readonly string[] {
  return commands.flatMap(({ message }) => message ?? []);
}

function whyOf(plan: Plan): string {
  if (plan.verdict === 'none') return 'All is as it says already.';
  const [refusal] = refusalsOf(plan);
  return refusal ?? '';
}
