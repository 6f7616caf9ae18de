import type { KindModule, ObjectKey } from '@weft/api';
import { badRequest } from '../http/failures.ts';
import type { Catalog } from './catalog.ts';

/** What a path of the resource API names. `name` absent: a collection; `namespace` absent with a namespaced kind: all namespaces. */
export type Target = Readonly<{ kind: KindModule; namespace?: string; name?: string; subresource?: 'status' }>;

/**
 * `/api/v1[/namespaces/NS]/PLURAL[/NAME[/status]]` and `/apis/G/V/…`. Undefined when nothing is served there. A trailing slash is harmless,
 * an empty segment is not.
 */
export function parseTarget(path: string, catalog: Catalog): Target | undefined {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  const [root, ...below] = segments.map(decoded);
  let group = '';
  if (root === 'apis') group = below.shift() ?? '';
  else if (root !== 'api') return undefined;
  if (root === 'apis' && group === '') return undefined;
  const version = below.shift();
  if (version === undefined || below.length === 0 || below.includes('')) return undefined;
  const find = (plural: string | undefined) => (plural === undefined ? undefined : catalog.find(group, version, plural));

  // `namespaces` is both a kind and the way to the namespaced ones: with three segments or more it is the latter, save `…/NAME/status`.
  if (
    below[0] === 'namespaces' &&
    below.length >= 3 &&
    !(below.length === 3 && below[2] === 'status' && find('namespaces') !== undefined)
  ) {
    const [, namespace, plural, name, subresource, ...rest] = below;
    const kind = find(plural);
    if (kind === undefined || !kind.namespaced || rest.length > 0) return undefined;
    return target(kind, namespace, name, subresource);
  }
  const [plural, name, subresource, ...rest] = below;
  const kind = find(plural);
  if (kind === undefined || rest.length > 0 || (kind.namespaced && name !== undefined)) return undefined;
  return target(kind, undefined, name, subresource);
}

/** Whether it is `/api/V`, `/apis/G` or `/apis/G/V` of what is served: documents of discovery, which are only read. */
export function isGroupRoot(path: string, catalog: Catalog): boolean {
  const [root, ...below] = path
    .split('/')
    .slice(1)
    .filter((segment, at, all) => segment !== '' || at + 1 < all.length)
    .map(decoded);
  const [group, version] = root === 'api' ? ['', ...below] : below;
  if (below.length > (root === 'api' ? 1 : 2)) return false;
  return catalog.group(group ?? '').some((each) => version === undefined || each.version === version);
}

/** `network`, `network/default`, `network/default/web`; `host`, `host/host-1`: kinds by any of their names. Undefined when there is no such kind. */
export function targetNamed(path: string, catalog: Catalog): Target | undefined {
  const [word = '', ...rest] = path.split('/').map(decoded);
  const kind = catalog.named(word);
  if (kind === undefined || rest.includes('') || rest.length > (kind.namespaced ? 2 : 1)) return undefined;
  const [namespace, name] = kind.namespaced ? rest : [undefined, rest[0]];
  return target(kind, namespace, name);
}

function target(kind: KindModule, namespace?: string, name?: string, subresource?: string): Target | undefined {
  if (subresource !== undefined && (subresource !== 'status' || !kind.hasStatus)) return undefined;
  return {
    kind,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource: 'status' }),
  };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest('the path holds a malformed percent-encoding');
  }
}

export function keyOf({ kind, namespace, name }: Target): ObjectKey {
  return { kind: kind.kind, ...(namespace === undefined ? {} : { namespace }), name: name as string };
}
