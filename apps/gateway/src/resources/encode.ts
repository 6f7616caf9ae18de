/** Objects as text, in the shapes that clients ask for. */
import {
  type ApiObject,
  apiVersionOf,
  asApplied,
  type Folded,
  type JsonObject,
  type KindModule,
  type Presentation,
  presentationOf,
  withManagers,
} from '@weft/api';
import { stringify } from 'yaml';
import type { Shape } from '../http/accept.ts';

import { outward } from './other-shape.ts';
import { columnDefinitions, type IncludeObject, partialOf, row } from './table.ts';

/** An object's JSON is made once: states do not change, and lists and watches of many clients hold the same ones. */
const texts = new WeakMap<ApiObject, string>();

export function jsonOf(object: ApiObject): string {
  let text = texts.get(object);
  if (text === undefined) {
    text = JSON.stringify(object);
    texts.set(object, text);
  }
  return text;
}

export type Encoding = Readonly<{ kind: KindModule; shape: Shape; includeObject: IncludeObject; now: Date }>;

export const contentTypeOf = (shape: Shape) => (shape.as === 'object' && shape.format === 'yaml' ? 'application/yaml' : 'application/json');

/** Clients in Go read YAML 1.1, where `yes` is true unless quoted. */
const YAML_OF_GO = { version: '1.1' } as const;

/**
 * One object, as the answer to a get or a write. `part` from 1 on; rows of a Table show the whole. Its managers are shown even where they are not stored:
 * lists and watches leave those out, which would be as long as the objects and say that each belongs to its creator (ADR 46).
 */
export function encodeObject(presented: Presentation, { kind, shape, includeObject, now }: Encoding, part = 1): string {
  const own = withManagers(kind, presented.parts[part - 1] ?? presented.parts[0], presented.creation);
  const object = asApplied(kind, outward(kind, own));
  switch (shape.as) {
    case 'object':
      return shape.format === 'json' ? jsonOf(object) : stringify(object, YAML_OF_GO);
    case 'PartialObjectMetadata':
      return JSON.stringify(partialOf(object, shape.version));
    case 'Table':
      return JSON.stringify({
        ...tableHead(shape.version, { resourceVersion: object.metadata.resourceVersion }),
        columnDefinitions: columnDefinitions(kind),
        rows: [row(presented, kind, shape.version, includeObject, now)],
      });
  }
}

export type ListMeta = Readonly<{ resourceVersion: string; continue?: string; remainingItemCount?: number }>;

/** A list as pieces of text, each of a bounded number of objects, so that a long one need not be in memory at once nor block others. */
export function* encodeList(objects: readonly Folded[], meta: ListMeta, encoding: Encoding): Generator<string> {
  const { kind, shape, includeObject, now } = encoding;
  if (shape.as === 'object' && shape.format === 'yaml') {
    yield* yamlList(objects, meta, kind);
    return;
  }
  const [head, items, one] = ((): [JsonObject, string, (presented: Presentation) => string] => {
    switch (shape.as) {
      case 'object':
        return [{ ...listHead(kind), metadata: meta }, 'items', ({ parts: [object] }) => jsonOf(outward(kind, object))];
      case 'PartialObjectMetadata': {
        const list = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${shape.version}`, metadata: meta };
        return [list, 'items', ({ parts: [object] }) => JSON.stringify(partialOf(object, shape.version))];
      }
      case 'Table': {
        const table = { ...tableHead(shape.version, meta), columnDefinitions: columnDefinitions(kind) };
        return [table, 'rows', (presented) => JSON.stringify(row(presented, kind, shape.version, includeObject, now))];
      }
    }
  })();
  let piece = `${JSON.stringify(head).slice(0, -1)},"${items}":[`;
  for (let at = 0; at < objects.length; at += 1) {
    if (at > 0) piece += ',';
    piece += one(presentationOf(kind, objects[at] as Folded));
    if (piece.length >= PIECE_LENGTH) {
      yield piece;
      piece = '';
    }
  }
  yield `${piece}]}\n`;
}

const PIECE_LENGTH = 64 * 1024;
/** YAML costs ten times as much as JSON. */
const YAML_PIECE_LENGTH = 16 * 1024;

function* yamlList(objects: readonly Folded[], meta: ListMeta, kind: KindModule): Generator<string> {
  let piece = stringify({ ...listHead(kind), metadata: meta }, YAML_OF_GO) + (objects.length === 0 ? 'items: []\n' : 'items:\n');
  for (const folded of objects) {
    piece += stringify([outward(kind, presentationOf(kind, folded).parts[0])], YAML_OF_GO);
    if (piece.length < YAML_PIECE_LENGTH) continue;
    yield piece;
    piece = '';
  }
  yield piece;
}

function listHead(kind: KindModule): JsonObject {
  return { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
}

function tableHead(version: string, metadata: ListMeta): JsonObject {
  return { kind: 'Table', apiVersion: `meta.k8s.io/${version}`, metadata };
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One line of a watch. `first`: of a Table stream, only the first event carries the columns. */
export function encodeEvent(type: EventType, presented: Presentation, encoding: Encoding, first: boolean): string {
  const { kind, shape, includeObject, now } = encoding;
  const [object] = presented.parts;
  if (shape.as === 'Table') {
    const table = {
      ...tableHead(shape.version, { resourceVersion: object.metadata.resourceVersion }),
      columnDefinitions: first ? columnDefinitions(kind) : null,
      rows: [row(presented, kind, shape.version, includeObject, now)],
    };
    return `{"type":"${type}","object":${JSON.stringify(table)}}\n`;
  }
  const text = shape.as === 'object' ? jsonOf(outward(kind, object)) : JSON.stringify(partialOf(object, shape.version));
  return `{"type":"${type}","object":${text}}\n`;
}

/** Says up to where the watch is complete. `initialEnd`: everything that was there at the start has been sent. */
export function encodeBookmark(resourceVersion: string, { kind, shape }: Encoding, initialEnd: boolean): string {
  const metadata: JsonObject = {
    resourceVersion,
    creationTimestamp: null,
    ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  const head = ((): JsonObject => {
    switch (shape.as) {
      case 'object':
        return { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata };
      case 'PartialObjectMetadata':
        return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${shape.version}`, metadata };
      case 'Table':
        return { kind: 'Table', apiVersion: `meta.k8s.io/${shape.version}`, metadata, columnDefinitions: null, rows: [] };
    }
  })();
  return `{"type":"BOOKMARK","object":${JSON.stringify(head)}}\n`;
}
