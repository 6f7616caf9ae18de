import type { Accepted, DecideContext, EventMetadata, JsonObject } from '@weft/api';
import { claimHost, type HostIndex, hostIndexModule } from './host-index.ts';

const context = {
  now: '',
  requestId: '',
  derive: (label: string) => label,
  facts: { get: () => undefined, list: () => [], by: () => [] },
} satisfies DecideContext;

/** Carries commands out one after the other; gives the index that each was granted. */
function granted(max: number, ...claims: ReturnType<typeof claimHost>[]): (number | undefined)[] {
  const module = hostIndexModule(max);
  let state: HostIndex = module.initial();
  return claims.map(({ command }) => {
    const decision = module.decide(command as unknown as JsonObject & { type: string }, state, context);
    if (decision.outcome === 'rejected') return undefined;
    for (const fact of (decision as Accepted).facts) state = module.evolve(state, { ...fact, metadata: {} as EventMetadata, position: 1n });
    return ((decision as Accepted).grants as { index: number }).index;
  });
}

describe('HostIndex', () => {
  it('gives the lowest number that was never used', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1'), claimHost('b', 'u2', 'fd00::2'))).toEqual([1, 2]);
  });

  it('gives none whose traces the agent found on its machine', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1', [1, 2, 4]), claimHost('b', 'u2', 'fd00::2', [4]))).toEqual([3, 5]);
  });

  it('keeps the number of a host that comes again, whatever is found there', () => {
    expect(granted(9, claimHost('a', 'u1', 'fd00::1'), claimHost('a', 'u1', 'fd00::1', [1]))).toEqual([1, 1]);
  });

  it('refuses when only numbers to be avoided are left', () => {
    expect(granted(2, claimHost('a', 'u1', 'fd00::1', [1, 2]))).toEqual([undefined]);
  });
});
