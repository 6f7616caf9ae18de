import type { TargetCheck } from '@weft/fabric';
import { randomOf } from '@weft/testing';
import { VirtualClock } from '@weft/testing/virtual-clock';
import type { TargetHealth } from '../agent/control-plane.ts';
import { CHECK_TIMING, TargetChecks } from './target-checks.ts';

const check = (target: string, more: Partial<TargetCheck> = {}): TargetCheck => ({
  ...{ vni: 200, balancer: 'lb', namespace: 'ns', name: 'web', target, ips: [`10.0.0.${target.slice(1)}`], failed: false },
  check: { protocol: 'TCP', port: 80, intervalMs: 1_000, timeoutMs: 500, rise: 2, fall: 3 },
  ...more,
});

function given({ probesMax = CHECK_TIMING.probesMax } = {}) {
  const clock = new VirtualClock({ turns: 20 });
  const deaf = new Set<string>();
  const probed: string[] = [];
  const reports: TargetHealth[][] = [];
  const state = { reachable: true, answers: true, under: 0, most: 0, probeMs: 0 };
  const checks = new TargetChecks({
    driver: {
      probe: async ({ ip }) => {
        probed.push(ip);
        state.most = Math.max(state.most, ++state.under);
        if (state.probeMs > 0) await clock.pause(state.probeMs);
        state.under--;
        return state.answers ? !deaf.has(ip) : undefined;
      },
    },
    controlPlane: {
      reportHealth: async (targets) => {
        if (state.reachable) reports.push([...targets]);
        return state.reachable;
      },
    },
    clock,
    random: randomOf(7),
    timing: { ...CHECK_TIMING, probesMax },
  });
  /** As rows answer a report. */
  const said = () => reports.flat().map(({ target, healthy }) => `${healthy ? '+' : '-'}${target}`);
  return { clock, deaf, probed, reports, state, checks, said };
}

describe('Checks of targets', () => {
  it('ask at about the interval, and report who fails often enough in a row, once', async () => {
    const { clock, deaf, probed, checks, said } = given();
    checks.set('a', check('t1'));
    await clock.advance(10_000);
    expect(probed.length).toBeGreaterThanOrEqual(9);
    expect(probed.length).toBeLessThanOrEqual(12);
    expect(said()).toEqual([]);
    deaf.add('10.0.0.1');
    await clock.advance(1_000);
    deaf.delete('10.0.0.1'); // Twice at most.
    await clock.advance(5_000);
    expect(said()).toEqual([]);
    deaf.add('10.0.0.1');
    await clock.advance(5_000);
    expect(said()).toEqual(['-t1']);
    checks.set('a', check('t1', { failed: true }));
    await clock.advance(20_000);
    expect(said()).toEqual(['-t1']);
    deaf.clear();
    await clock.advance(10_000);
    expect(said()).toEqual(['-t1', '+t1']);
  });

  it('begin with what rows say, and take a target for one that serves only when each of its addresses does', async () => {
    const { clock, deaf, checks, said } = given();
    deaf.add('fd00::1');
    checks.set('a', check('t1', { failed: true, ips: ['10.0.0.1', 'fd00::1'] }));
    await clock.advance(20_000);
    expect(said()).toEqual([]);
    deaf.clear();
    await clock.advance(5_000);
    expect(said()).toEqual(['+t1']);
  });

  it('repeat a report that was not taken, and one whose row does not come', async () => {
    const { clock, deaf, state, checks, said } = given();
    deaf.add('10.0.0.1');
    state.reachable = false;
    checks.set('a', check('t1'));
    await clock.advance(60_000);
    expect(said()).toEqual([]);
    state.reachable = true;
    await clock.advance(31_000);
    expect(said()).toContain('-t1');
    const before = said().length;
    await clock.advance(2 * CHECK_TIMING.repeatMs);
    expect(said().length - before).toBeGreaterThanOrEqual(1);
    expect(said().length - before).toBeLessThanOrEqual(2);
    expect(new Set(said())).toEqual(new Set(['-t1']));
  });

  it('say nothing of whom they could not ask', async () => {
    const { clock, state, checks, said } = given();
    state.answers = false;
    checks.set('a', check('t1'));
    await clock.advance(60_000);
    expect(said()).toEqual([]);
  });

  it('do not fill the log with a target that turns again and again', async () => {
    const { clock, deaf, checks, said } = given();
    const always = check('t1').check;
    const flapping = { ...always, rise: 1, fall: 1 };
    checks.set('a', check('t1', { check: flapping }));
    let turned = 0;
    for (let second = 0; second < 3_600; second++) {
      if (second % 2 === 0) deaf.add('10.0.0.1');
      else deaf.delete('10.0.0.1');
      await clock.advance(1_000);
      const last = said().at(-1);
      if (said().length !== turned) checks.set('a', check('t1', { check: flapping, failed: last === '-t1' }));
      turned = said().length;
    }
    expect(turned).toBeGreaterThan(3);
    expect(turned).toBeLessThan(25);
  });

  it('have few probes under way at once, and forget whom rows do not name any more', async () => {
    const { clock, probed, state, checks, reports } = given({ probesMax: 4 });
    state.probeMs = 100;
    for (let i = 1; i <= 20; i++) checks.set(`k${i}`, check(`t${i}`));
    await clock.advance(5_000);
    expect(state.most).toBe(4);
    expect(new Set(probed).size).toBe(20);
    for (let i = 1; i <= 20; i++) checks.set(`k${i}`, undefined);
    await clock.advance(1_000);
    const before = probed.length;
    await clock.advance(10_000);
    expect([probed.length, reports.length]).toEqual([before, 0]);
    checks.stop();
  });

  it('ask differently once the check differs, once at a time', async () => {
    const { clock, probed, checks } = given();
    checks.set('a', check('t1'));
    await clock.advance(3_000);
    const before = probed.length;
    checks.set('a', check('t1', { check: { ...check('t1').check, intervalMs: 5_000 } }));
    await clock.advance(20_000);
    expect(probed.length - before).toBeLessThanOrEqual(5);
  });
});
