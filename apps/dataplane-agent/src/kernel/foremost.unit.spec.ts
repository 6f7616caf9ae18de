import { foremost } from './foremost.ts';

const told = (keys: readonly string[]) => foremost(keys, (key) => key, 5);

describe('the foremost of kernel objects', () => {
  it('are of each kind, causes before what follows from them, however many follow', () => {
    const routes = Array.from({ length: 7 }, (_, n) => `route/200/10.0.0.${n}`);
    const peers = ['peer/200/2', 'peer/200/3'];
    const causes = ['port/0000', 'entry/r1/public_to/203.0.113.1', 'router/200', 'router/1'];
    expect(told([...routes, ...peers, ...causes])).toEqual([
      'router/200',
      'entry/r1/public_to/203.0.113.1',
      'port/0000',
      'peer/200/2',
      routes[0],
    ]);
  });

  it('are more of those that others follow from where there is room', () => {
    expect(told(['route/200/10.0.0.1', 'route/200/10.0.0.2', 'router/200', 'router/201', 'router/202'])).toEqual([
      ...['router/200', 'router/201', 'router/202'],
      ...['route/200/10.0.0.1', 'route/200/10.0.0.2'],
    ]);
    expect(told(['entry/r200/routes/10.9.0.0/16', 'entry/r200/nat_to4/a', 'guard/fd00::2'])).toEqual([
      ...['guard/fd00::2', 'entry/r200/nat_to4/a', 'entry/r200/routes/10.9.0.0/16'],
    ]);
  });

  it('are none of none', () => {
    expect(told([])).toEqual([]);
  });
});
