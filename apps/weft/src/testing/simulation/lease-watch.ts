/** Who may answer from memory for which slot (DESIGN 9.4). */
import { PARTITIONS } from '@weft/api';
import { LEASE_TIMING } from '@weft/service';
import type { SimService } from './sim-service.ts';

const SLOTS = PARTITIONS + 2;
const TOGETHER_MS = 1_500;

/**
 * No two replicas answer from memory for one slot, but for what is left to the revisions of the store: messages that reach one and not the other, and replicas that
 * begin together.
 */
export function doubleHolder(services: readonly SimService[]): string | undefined {
  const valid = new Map<string, SimService>();
  for (const service of services) {
    if (service.process.state !== 'running') continue;
    for (const { context, leases } of service.runtimes) {
      for (let slot = 0; slot < SLOTS; slot++) {
        if (!leases.isValid(slot)) continue;
        const other = valid.get(`${context} ${slot}`);
        valid.set(`${context} ${slot}`, service);
        if (other === undefined || Math.abs(other.process.bornMs - service.process.bornMs) < TOGETHER_MS) continue;
        return `slot ${slot} of ${context} is answered for by ${other.process.name} and by ${service.process.name}`;
      }
    }
  }
  return undefined;
}

/** One that stood still for as long as others wait before they take over answers for nothing until it has heard that nobody did, whatever happens to messages. */
export function answersTooEarly({ process, runtimes }: SimService, stoodStillMs: number): string | undefined {
  if (stoodStillMs < LEASE_TIMING.takeoverMs) return undefined;
  for (const { context, leases } of runtimes) {
    for (let slot = 0; slot < SLOTS; slot++) {
      if (leases.isValid(slot))
        return `${process.name} answers for slot ${slot} of ${context} right after it stood still for ${Math.round(stoodStillMs)} ms`;
    }
  }
  return undefined;
}
