/** Tables, the form in which kubectl shows objects to people (http-api 9). */
import { type ApiObject, type JsonObject, type KindModule, type Presentation, withoutManagers } from '@weft/api';
import { outward } from './other-shape.ts';

/** What of the object goes along with a row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const definitions = new WeakMap<KindModule, JsonObject[]>();

export function columnDefinitions(kind: KindModule): JsonObject[] {
  let columns = definitions.get(kind);
  if (columns === undefined) {
    columns = kind.columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format: format ?? '',
      description,
      priority,
    }));
    definitions.set(kind, columns);
  }
  return columns;
}

export function row(
  { whole, parts: [object] }: Presentation,
  kind: KindModule,
  version: string,
  includeObject: IncludeObject,
  now: Date,
): JsonObject {
  const cells = kind.columns.map((column) => column.cell(whole, now));
  switch (includeObject) {
    case 'None':
      return { cells };
    case 'Metadata':
      return {
        cells,
        // Nobody reads the managers of a row.
        object: partialOf(withoutManagers(object), version),
      };
    case 'Object':
      return { cells, object: outward(kind, object) as unknown as JsonObject };
  }
}

export function partialOf(object: ApiObject, version: string): JsonObject {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata as unknown as JsonObject };
}
