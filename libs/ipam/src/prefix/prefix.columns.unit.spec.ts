import type { ApiObject, Column } from '@weft/api';
import { prefixAllocationColumns } from '../prefix-allocation/prefix-allocation.columns.ts';
import { prefixColumns } from './prefix.columns.ts';

const bare: ApiObject = {
  apiVersion: '',
  kind: '',
  metadata: { name: 'a', uid: '', resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
};
const row = (columns: readonly Column[], object: Partial<ApiObject>) =>
  Object.fromEntries(columns.map(({ name, cell }) => [name, cell({ ...bare, ...object }, new Date('2026-01-01T00:01:00Z'))]));

describe('Columns (resources 0.3)', () => {
  it('of Prefix', () => {
    expect(row(prefixColumns, {})).toEqual({ Name: 'a', Prefix: '<none>', Parent: '<none>', Phase: '<unknown>', Age: '60s' });
    const full = { spec: { prefix: '10.0.0.0/28', parentRef: { name: 'p' } }, status: { phase: 'Allocated' } };
    expect(row(prefixColumns, full)).toMatchObject({ Prefix: '10.0.0.0/28', Parent: 'p', Phase: 'Allocated' });
  });

  it('of PrefixAllocation', () => {
    const none = { Name: 'a', Prefix: '<none>', Request: '<invalid>', State: '<unknown>', Result: '<unknown>', Age: '60s' };
    expect(row(prefixAllocationColumns, {})).toEqual(none);
    const full = { spec: { prefixLength: 28, prefixRef: { name: 'p' } }, status: { phase: 'Allocated', prefix: '10.0.0.0/28' } };
    expect(row(prefixAllocationColumns, full)).toMatchObject({ Prefix: 'p', Request: '/28', State: 'Allocated', Result: '10.0.0.0/28' });
    expect(row(prefixAllocationColumns, { spec: { prefix: '10.0.0.0/28' } })).toMatchObject({ Request: '10.0.0.0/28' });
  });
});
