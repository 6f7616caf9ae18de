/**
 * Posts what becomes of LoadBalancers to a webhook: made, ready, not ready any more and why, gone. A webhook that does not answer is asked again; after a
 * restart it goes on where it was.
 *
 *   WEBHOOK=https://… [WEFT_SERVER=http://127.0.0.1:7480] [WEFT_NATS=nats://…] node tools/run.mjs examples/load-balancer-webhook/main.ts
 */
import { natsBus, subscribe, type WeftEvent } from '@weft/client';

const { WEBHOOK: webhook, WEFT_SERVER: server = 'http://127.0.0.1:7480', WEFT_NATS: nats } = process.env;
if (webhook === undefined) throw new Error('say where to: WEBHOOK=https://…');

const bus = nats === undefined ? undefined : await natsBus({ servers: nats });
const subscription = subscribe({
  server,
  ...(bus && { bus }),
  checkpoint: 'load-balancer-webhook',
  from: '0',
  filter: { kinds: ['LoadBalancer'], types: ['LoadBalancerCreated', 'ConditionChanged', 'LoadBalancerEnded'] },
  atOnce: 8,
  handle: post,
  onRetry: (error) => console.error(`again: ${error.message}`),
});

process.once('SIGTERM', () => void subscription.stop());
process.once('SIGINT', () => void subscription.stop());
await subscription.ended;
await subscription.stop();
await bus?.close();

async function post(event: WeftEvent): Promise<void> {
  const state = stateOf(event);
  if (state === undefined) return;
  const response = await fetch(webhook as string, {
    method: 'POST',
    // By it the receiver knows what it was told before.
    headers: { 'content-type': 'application/json', 'idempotency-key': event.id },
    body: JSON.stringify({
      loadBalancer: `${event.namespace}/${event.name}`,
      ...state,
      time: event.time,
      by: event.onbehalfof ?? event.actor,
    }),
  });
  if (!response.ok) throw new Error(`the webhook answered ${response.status} to ${event.id}`);
}

function stateOf({ type, data }: WeftEvent): Readonly<{ state: string; why?: unknown }> | undefined {
  if (type === 'dev.weft.LoadBalancerCreated.v1') return { state: 'created' };
  if (type === 'dev.weft.LoadBalancerEnded.v1') return { state: 'gone' };
  if (data['type'] !== 'Ready') return undefined;
  return data['status'] === 'True' ? { state: 'ready' } : { state: 'not ready', why: data['reason'] };
}
