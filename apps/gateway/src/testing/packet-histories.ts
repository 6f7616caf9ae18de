/** Random histories of all kinds, and packets to ask about. */
import { hostKey } from '@weft/network';
import { AllKinds, below, randomOf, type World } from '@weft/testing';
import type { TraceRequest } from '../trace/trace-request.ts';

const STEPS = 60;

/** A random history of all kinds in which some packets get through. */
export function historyOf(seed: number): World {
  const history = new AllKinds(seed);
  history.populate();
  if (seed % 2 === 0) history.world.patch(hostKey('a'), { spec: { roles: ['Edge'] } });
  for (let step = 0; step < STEPS; step++) history.step();
  history.world.settle();
  return history.world;
}

/** Packets between those who may be in it. */
export function questionsOf(seed: number, count: number): readonly TraceRequest[] {
  const random = randomOf(seed + 7_000);
  const pick = (of: readonly string[]) => of[below(random, of.length)] as string;
  const nic = () => `nic/${random() < 0.85 ? 'ns' : 'team'}/n${1 + below(random, 6)}`;
  return Array.from({ length: count }, () => ({
    from: random() < 0.8 ? nic() : pick(['internet:198.51.100.7', '10.0.0.1', 'virtualip/ns/x']),
    to:
      random() < 0.5
        ? nic()
        : pick(['10.0.0.1:80', '10.0.0.2:443', '10.0.0.3', '203.0.113.1:80', 'loadbalancer/ns/x:80', 'virtualip/ns/x:80', '192.0.2.77']),
    protocol: pick(['tcp', 'udp', 'icmp']),
  }));
}
