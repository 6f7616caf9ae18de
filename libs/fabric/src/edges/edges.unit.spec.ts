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

  it('say whom others should avoid: whose agent is not in order, and who is to be left', () => {
    const log = new Hosts();
    const avoided = (happens: () => void) => log.said(happens).flatMap(({ changes }) => changes.map(({ row }) => row?.['avoid'] === true));
    const condition = (type: string, status: string) => ({ type: 'ConditionChanged.v1', data: { type, status, reason: 'R', message: '' } });
    log.create(a, { spec: { roles: ['Edge'], underlay: { ip: 'fd00::1' } } });
    expect(avoided(() => log.happen(a, condition('Ready', 'True')))).toEqual([false]);
    expect(avoided(() => log.happen(a, condition('Converged', 'False')))).toEqual([]);
    expect(avoided(() => log.happen(a, condition('Ready', 'False')))).toEqual([true]);
    expect(avoided(() => log.happen(a, condition('Ready', 'True')))).toEqual([false]);
    expect(avoided(() => log.happen(a, { type: 'HostCordoned.v1', data: {} }))).toEqual([true]);
  });

  it('go with the host, and do not care what else it reports', () => {
    const log = new Hosts();
    log.create(a, { spec: { roles: ['Edge'], underlay: { ip: 'fd00::1' } } });
    expect(log.said(() => log.happen(a, { type: 'HostApplied.v1', data: { tables: {}, position: '10' } }))).toEqual([]);
    expect(log.said(() => log.end(a))).toEqual([{ table: 'edges', changes: [{ key: 'a', row: undefined }] }]);
  });
});
