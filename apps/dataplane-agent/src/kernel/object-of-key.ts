/** The least that a driver needs to remove what it named by this key only: an object that is partly there and that nobody wants. */
import type { KernelObject } from '@weft/fabric';

export function objectOfKey(key: string): KernelObject {
  const [kind = '', first = '', ...rest] = key.split('/');
  const position = '0';
  switch (kind) {
    case 'router':
      return { kind, vni: Number(first), position };
    case 'peer':
      return { kind, vni: Number(first), hostIndex: Number(rest[0]), underlay: '', position };
    case 'port':
      return { kind, vni: 0, nic: first, mac: '', ips: [], netns: '', position, up: false };
    case 'route':
      return { kind, vni: Number(first), address: rest.join('/'), hostIndex: 0, position };
    case 'guard':
      return { kind, underlay: first, position };
    case 'entry':
      return { kind, scope: first, section: rest[0] ?? '', key: rest.slice(1).join('/'), value: '', position, owner: '' };
    default:
      throw new Error(`no kernel object has the key ${JSON.stringify(key)}`);
  }
}
