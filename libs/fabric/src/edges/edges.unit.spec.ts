import type { Change } from '@weft/api';
import { hostKey, networkDomain } from '@weft/network';
import { WrittenLog } from '@weft/testing';
import { type ProjectedChange, RowProjection } from '../rows/row-projection.ts';
import { edges } from './edges.projection.ts';

class Hosts extends WrittenLog {
  readonly #projection: RowProjection;
  #changes: ProjectedChange[] = [];

  constructor() {
    super([networkDomain]);
    this.#projection = new RowProjection(edges, this.registry, this.fold);
  }

  protected override changed(change: Change): void {
    this.#changes.push(...this.#projection.onChange(change));
  }

  said(happens: () => void): readonly ProjectedChange[] {
    this.#changes = [];
    happens();
    return this.#changes;
  }
}

describe('The rows of edges', () => {
  const a = hostKey('a');
  const roles = (...list: readonly string[]) => ({ type: 'HostRolesChanged.v1', data: { roles: [...list] } });

  it('are those of hosts with an uplink, from the event that gives the role to the one that takes it', () => {
    const log = new Hosts();
    expect(log.said(() => log.create(a, { spec: { roles: ['Compute'], underlay: { ip: 'fd00::1' } } }))).toEqual([]);
    const [created] = log.appends;
    const [change] = log.said(() => log.happen(a, roles('Compute', 'Edge')));
    const because = [created?.events[0]?.id, log.appends.at(-1)?.events[0]?.id];
    expect(change).toEqual({ table: 'edges', changes: [{ key: 'a', row: { host: 'a', avoid: true, position: '20', because } }] });
    expect(log.said(() => log.happen(a, roles('Compute')))).toEqual([{ table: 'edges', changes: [{ key: 'a', row: undefined }] }]);
  });

  it('say whom others should avoid: whose agent is not in order, who is to be left, and who is no edge in its kernel yet', () => {
    const log = new Hosts();
    const avoided = (happens: () => void) => log.said(happens).flatMap(({ changes }) => changes.map(({ row }) => row?.['avoid'] === true));
    const condition = (type: string, status: string) => ({ type: 'ConditionChanged.v1', data: { type, status, reason: 'R', message: '' } });
    const applied = (position: bigint) => ({ type: 'HostApplied.v1', data: { tables: { edges: `${position}` }, position: '0' } });
    const since = () => log.appends.at(-1)?.position ?? 0n;
    log.create(a, { spec: { roles: ['Edge'], underlay: { ip: 'fd00::1' } } });
    const [created] = [since()];
    expect(avoided(() => log.happen(a, condition('Ready', 'True')))).toEqual([]);
    // Its kernel is not that of an edge yet.
    expect(avoided(() => log.happen(a, applied(created - 1n)))).toEqual([]);
    expect(avoided(() => log.happen(a, applied(created)))).toEqual([false]);
    expect(avoided(() => log.happen(a, condition('Converged', 'False')))).toEqual([]);
    expect(avoided(() => log.happen(a, condition('Ready', 'False')))).toEqual([true]);
    expect(avoided(() => log.happen(a, condition('Ready', 'True')))).toEqual([false]);
    expect(avoided(() => log.happen(a, { type: 'HostCordoned.v1', data: {} }))).toEqual([true]);
    expect(avoided(() => log.happen(a, { type: 'HostUncordoned.v1', data: {} }))).toEqual([false]);
    expect(avoided(() => log.happen(a, roles('Compute', 'Edge')))).toEqual([true]);
    expect(avoided(() => log.happen(a, applied(since())))).toEqual([false]);
  });

  it('go with the host, and do not care what else it reports', () => {
    const log = new Hosts();
    log.create(a, { spec: { roles: ['Edge'], underlay: { ip: 'fd00::1' } } });
    expect(log.said(() => log.happen(a, { type: 'HostApplied.v1', data: { tables: {}, position: '10' } }))).toEqual([]);
    expect(log.said(() => log.end(a))).toEqual([{ table: 'edges', changes: [{ key: 'a', row: undefined }] }]);
  });
});
