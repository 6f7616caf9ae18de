/** What a service that owns a context is made of, whatever starts it: the runtime of its context, what goes with every service, and parts of its own. */
import { HealthResponder } from '../health/health-responder.ts';
import { SameSettings } from '../health/same-settings.ts';
import type { Part, Platform } from '../platform.ts';
import type { ContextRuntime } from './context-runtime.ts';
import { FirstObjects } from './first-objects.ts';

/** In the order of their start. The health responder comes first, so that a service reports its problems while it starts and stops. */
export function serviceParts(name: string, platform: Platform, runtime: ContextRuntime, own: readonly Part[] = []): readonly Part[] {
  const { bus, clock, follower, eventLoop, store, registry } = platform;
  const given: Part = {
    name: 'platform',
    start: async () => {},
    stop: async () => {},
    problems: () => [...(bus.connected ? [] : ['the bus is not connected']), ...problemsOf(follower), ...eventLoop.problems()],
  };
  const settings = new SameSettings({ process: name, provider: registry.provider, bus, clock });
  const all: Part[] = [given, settings, ...runtime.parts, ...firstObjectsOf(name, platform, runtime), ...own];
  // What a replica lacks that still reads the log is no problem of the service while others do all of the work.
  const { leases } = runtime;
  const problems = () => (leases.partitions.length === 0 && leases.othersHoldAll ? [] : all.flatMap((part) => part.problems()));
  return [new HealthResponder(name, bus, problems, store.storeId, () => leases.held), ...all];
}

/** The problems of the follower, if it is a part that has some. */
function problemsOf(follower: object): readonly string[] {
  return 'problems' in follower && typeof follower.problems === 'function' ? (follower as Part).problems() : [];
}

function firstObjectsOf(service: string, platform: Platform, { context, client }: ContextRuntime): readonly Part[] {
  const objects = platform.registry.domains.flatMap((domain) => (domain.context === context ? (domain.firstObjects ?? []) : []));
  return objects.length === 0 ? [] : [new FirstObjects({ ...platform, objects, service, client })];
}
