import {
  type Folded,
  type KindModule,
  matchesFields,
  matchesLabels,
  type Parsed,
  parseFieldSelector,
  parseLabelSelector,
  unsupportedField,
} from '@weft/api';
import { badRequest } from '../http/failures.ts';

/** What label and field selectors choose. */
export type Selection = Readonly<{
  isEverything: boolean;
  /** The only name that it can choose. */
  name?: string;
  matches: (folded: Folded) => boolean;
}>;

const everything: Selection = { isEverything: true, matches: () => true };

/** Throws 400 for a selector that cannot be read or a field that cannot be selected by. */
export function selectionOf(kind: KindModule, labelSelector: string, fieldSelector: string): Selection {
  if (labelSelector === '' && fieldSelector === '') return everything;
  const labels = orBadRequest(parseLabelSelector(labelSelector));
  const fields = orBadRequest(parseFieldSelector(fieldSelector));
  const unsupported = unsupportedField(kind, fields);
  if (unsupported !== undefined) throw badRequest(`field label not supported: ${unsupported}`);
  const name = fields.find(({ field, equal }) => field === 'metadata.name' && equal)?.value;
  return {
    isEverything: false,
    ...(name !== undefined && { name }),
    matches: ({ object }) => matchesLabels(labels, object.metadata.labels) && matchesFields(kind, fields, object),
  };
}

function orBadRequest<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) throw badRequest(parsed.why);
  return parsed.value;
}
