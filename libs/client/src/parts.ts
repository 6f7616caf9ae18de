/** Parts of all resources, by the hash of the stream: what a group shares, and what a filter's `share` picks. */
import type { WeftEvent } from './cloud-event.ts';

/** Which of `count` parts an event is of, from 1: the gateway's rule. */
export function partOf({ kind, namespace = '', name }: Pick<WeftEvent, 'kind' | 'namespace' | 'name'>, count: number): number {
  return (hash32(`${kind}-${namespace}.${name}`) % count) + 1;
}

/** FNV-1a over UTF-16 units, then the finalizer of MurmurHash3, which mixes its low bits. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
