import type { ApiObject, Column } from '@weft/api';
import { machineColumns } from './machine/machine.columns.ts';
import { networkColumns } from './network/network.columns.ts';
import { networkInterfaceColumns } from './network-interface/network-interface.columns.ts';

const now = new Date('2026-01-01T00:01:00Z');
const bare: ApiObject = {
  apiVersion: '',
  kind: '',
  metadata: { name: 'a', uid: '', resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
};
const row = (columns: readonly Column[], object: Partial<ApiObject>) =>
  Object.fromEntries(columns.map(({ name, cell }) => [name, cell({ ...bare, ...object }, now)]));

describe('columns (resources 0.3)', () => {
  it.each<[string, readonly Column[]]>([
    ['Network', networkColumns],
    ['NetworkInterface', networkInterfaceColumns],
    ['Machine', machineColumns],
  ])('of %s are strings that are always shown, a name first and a date last', (_kind, columns) => {
    expect(columns.every(({ type, priority }) => type === 'string' && priority === 0)).toBe(true);
    expect(columns[0]).toMatchObject({ name: 'Name', format: 'name' });
    expect(columns.at(-1)).toMatchObject({ name: 'Age', format: 'date' });
  });

  it('of Network', () => {
    expect(row(networkColumns, {})).toEqual({ Name: 'a', State: '<unknown>', ProviderID: '', Age: '60s' });
    const full = { spec: { providerID: 'p' }, status: { state: 'Available' } };
    expect(row(networkColumns, full)).toMatchObject({ State: 'Available', ProviderID: 'p' });
  });

  it('of NetworkInterface', () => {
    expect(row(networkInterfaceColumns, { spec: { networkRef: { name: 'n' } }, status: { state: 'Pending' } })).toEqual({
      Name: 'a',
      Network: 'n',
      Machine: '<none>',
      IPs: '<none>',
      Prefixes: '<none>',
      VirtualIP: '<none>',
      State: 'Pending',
      Age: '60s',
    });
    const spec = { networkRef: { name: 'n' }, machineRef: { name: 'm' } };
    const status = { state: 'Available', ips: ['10.0.0.1', 'beef::1'], prefixes: ['10.1.0.0/24'], virtualIP: '203.0.113.7' };
    expect(row(networkInterfaceColumns, { spec, status })).toMatchObject({
      Machine: 'm',
      IPs: '10.0.0.1,beef::1',
      Prefixes: '10.1.0.0/24',
      VirtualIP: '203.0.113.7',
    });
  });

  it('of Machine', () => {
    expect(row(machineColumns, { spec: { machineClassRef: { name: 'c' } } })).toEqual({
      Name: 'a',
      MachineClassRef: 'c',
      Image: '<none>',
      MachinePoolRef: '<none>',
      State: '<unknown>',
      Age: '60s',
    });
    const full = { spec: { image: 'i', machinePoolRef: { name: 'h' } }, status: { state: 'Running' } };
    expect(row(machineColumns, full)).toMatchObject({ Image: 'i', MachinePoolRef: 'h', State: 'Running' });
  });
});
