import { type Fact, figureFactsOf } from '@weft/api';
import { WrittenLog } from '@weft/testing';
import { hostKey, networkDomain } from '../index.ts';
import { hostFigures } from './host.figures.ts';

const is = (type: string, status: string): Fact => ({ type: 'ConditionChanged.v1', data: { type, status, reason: 'X', message: '' } });

describe('Figures of hosts', () => {
  it('count them by what they say, and tell since when one lags', () => {
    const log = new WrittenLog([networkDomain]);
    for (const name of ['a', 'b', 'c']) log.create(hostKey(name));
    log.happen(hostKey('a'), is('Ready', 'True'), is('Converged', 'True'));
    log.happen(hostKey('b'), is('Ready', 'True'), is('Converged', 'False'));
    log.happen(hostKey('b'), { type: 'HostFellBehind.v1', data: { since: '2026-01-01T00:00:10Z' } });
    log.happen(hostKey('c'), { type: 'HostMtuChanged.v1', data: { mtu: 9_000 } });
    const drift = { count: 3, entries: [{ key: 'route/200/10.0.0.1', before: 'host 2', after: 'absent' }] };
    for (const at of ['2026-01-01T00:00:00Z', '2026-01-01T00:00:30Z'])
      log.happen(hostKey('b'), { type: 'HostDrifted.v1', data: { ...drift, at } });
    const facts = figureFactsOf(log.fold);
    const read = (name: string) => [...(hostFigures.find((figure) => figure.name === name)?.read(facts) ?? [])];
    expect(read('weft_hosts')).toEqual([
      { labels: { condition: 'Ready', status: 'True' }, value: 2 },
      { labels: { condition: 'Converged', status: 'True' }, value: 1 },
      { labels: { condition: 'Converged', status: 'False' }, value: 1 },
      { labels: { condition: 'Ready', status: 'Unknown' }, value: 1 },
      { labels: { condition: 'Converged', status: 'Unknown' }, value: 1 },
    ]);
    expect(read('weft_host_underlay_mtu_bytes')).toEqual([{ labels: { host: 'c' }, value: 9_000 }]);
    expect(read('weft_host_drifts_total').map(({ value }) => value)).toEqual([0, 6, 0]);
    expect(read('weft_host_pending_since_seconds')).toEqual([{ labels: { host: 'b' }, value: Date.parse('2026-01-01T00:00:10Z') / 1_000 }]);
  });
});
