import type { DomainPart, FirstObject } from '@weft/api';
import { namespaceKind } from './namespace.kind.ts';
import { namespaceLoops } from './namespace.loops.ts';

/** It exists from the start (http-api 15). */
const defaultNamespace: FirstObject = {
  kind: 'Namespace',
  name: 'default',
  object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } },
};

export const namespacePart: DomainPart = { kinds: [namespaceKind], loopsOverKinds: namespaceLoops, firstObjects: [defaultNamespace] };
