/** Chooses how to answer from an Accept header (http-api 5): the first entry, left to right, that can be served. */
import { notAcceptable } from './failures.ts';

export type Shape =
  | Readonly<{ as: 'object'; format: 'json' | 'yaml' }>
  | Readonly<{ as: 'Table'; version: 'v1' | 'v1beta1' }>
  | Readonly<{ as: 'PartialObjectMetadata'; version: 'v1' | 'v1beta1' }>;

const plain: Shape = { as: 'object', format: 'json' };
const offered = ['application/json', 'application/yaml'];

export type MediaType = Readonly<{ type: string; parameters: Readonly<Record<string, string>> }>;

/** Entries of an Accept header, or the one of a Content-Type. Names and types in lower case; values unquoted. */
export function parseMediaTypes(header: string): MediaType[] {
  return header.split(',').map((entry) => {
    const [type = '', ...rest] = entry.split(';');
    const parameters: Record<string, string> = {};
    for (const each of rest) {
      const equals = each.indexOf('=');
      if (equals > 0)
        parameters[each.slice(0, equals).trim().toLowerCase()] = each
          .slice(equals + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1');
    }
    return { type: type.trim().toLowerCase(), parameters };
  });
}

const cached = new Map<string, Shape | null>();
const CACHE_SIZE_MAX = 256;

/** For the resource API. Throws 406 when nothing fits. `watch`: YAML cannot be streamed. */
export function negotiate(accept: string | undefined, watch = false): Shape {
  if (accept === undefined || accept === '') return plain;
  let shape = cached.get(accept);
  if (shape === undefined) {
    shape = choose(parseMediaTypes(accept));
    if (cached.size >= CACHE_SIZE_MAX) cached.clear();
    cached.set(accept, shape);
  }
  if (shape === null || (watch && shape.as === 'object' && shape.format === 'yaml')) throw notAcceptable(offered);
  return shape;
}

function choose(entries: readonly MediaType[]): Shape | null {
  for (const { type, parameters } of entries) {
    const shape = serve(type, parameters);
    if (shape !== undefined) return shape;
  }
  return null;
}

function serve(type: string, { as, g, v }: Readonly<Record<string, string>>): Shape | undefined {
  if (as === undefined) {
    if (type === 'application/json' || type === '*/*' || type === 'application/*') return plain;
    return type === 'application/yaml' ? { as: 'object', format: 'yaml' } : undefined;
  }
  if (type !== 'application/json' || g !== 'meta.k8s.io' || (v !== 'v1' && v !== 'v1beta1')) return undefined;
  if (as === 'Table') return { as, version: v };
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'PartialObjectMetadata', version: v };
  return undefined;
}

/** For documents that exist as JSON only. */
export function requireJson(accept: string | undefined): void {
  const shape = negotiate(accept);
  if (shape.as !== 'object') throw notAcceptable(['application/json']);
}
