import { conditionOf, type Figure, type Sample } from '@weft/api';
import { Host } from './host.types.ts';

/** Conditions of a host that somebody has to do something about when they are not True. */
const WATCHED = ['Ready', 'Converged'] as const;

/** O(hosts). */
export const hostFigures: readonly Figure[] = [
  {
    name: 'weft_hosts',
    help: 'Hosts by a condition and its status',
    labels: ['condition', 'status'],
    *read(facts): Iterable<Sample> {
      const counts = new Map<string, number>();
      for (const { object } of facts.all(Host)) {
        for (const type of WATCHED) {
          const key = `${type} ${conditionOf(object, type)?.status ?? 'Unknown'}`;
          counts.set(key, (counts.get(key) ?? 0) + 1);
        }
      }
      for (const [key, value] of counts) {
        const [condition, status] = key.split(' ') as [string, string];
        yield { labels: { condition, status }, value };
      }
    },
  },
  {
    name: 'weft_host_underlay_mtu_bytes',
    help: 'MTU of the device that has the underlay address of a host; where they differ, large packets to the smaller ones are lost',
    labels: ['host'],
    *read(facts): Iterable<Sample> {
      for (const { key, object } of facts.all(Host)) {
        const mtu = object.status?.mtu;
        if (mtu !== undefined) yield { labels: { host: key.name }, value: mtu };
      }
    },
  },
  {
    name: 'weft_host_drifts_total',
    help: 'Objects of a kernel that others changed, and that its agent put right',
    labels: ['host'],
    *read(facts): Iterable<Sample> {
      for (const { key, facts: known } of facts.all(Host)) yield { labels: { host: key.name }, value: known.drift?.count ?? 0 };
    },
  },
  {
    name: 'weft_host_pending_since_seconds',
    help: 'Unix time of the oldest change that a host has not applied yet, of those that lag',
    labels: ['host'],
    *read(facts): Iterable<Sample> {
      for (const { key, object } of facts.all(Host)) {
        const since = object.status?.pendingSince;
        if (since !== undefined) yield { labels: { host: key.name }, value: Date.parse(since) / 1_000 };
      }
    },
  },
];
