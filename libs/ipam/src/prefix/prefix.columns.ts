import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { PrefixTypes } from './prefix.types.ts';

export const prefixColumns: readonly Column<PrefixTypes>[] = [
  NAME_COLUMN,
  textColumn('Prefix', 'The range.', (object) => specOf(object).prefix ?? '<none>'),
  textColumn('Parent', 'Prefix that the range is taken from.', (object) => specOf(object).parentRef?.name ?? '<none>'),
  textColumn('Phase', 'Whether the range can be used.', (object) => statusOf(object).phase || '<unknown>'),
  AGE_COLUMN,
];
