import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import { requestOf } from '../prefix/range-request.ts';
import type { PrefixAllocationTypes } from './prefix-allocation.types.ts';

export const prefixAllocationColumns: readonly Column<PrefixAllocationTypes>[] = [
  NAME_COLUMN,
  textColumn('Prefix', 'Prefix that the range is taken from.', (object) => specOf(object).prefixRef?.name ?? '<none>'),
  textColumn('Request', 'What is asked for.', (object) => requestOf(specOf(object)) ?? '<invalid>'),
  textColumn('State', 'The outcome.', (object) => statusOf(object).phase || '<unknown>'),
  textColumn('Result', 'The range.', (object) => statusOf(object).prefix ?? '<unknown>'),
  AGE_COLUMN,
];
