/** Health checks: what the annotation says, what hosts report, and what the balancer says of it. */
import { type JsonObject, memberOf, type ObjectKey } from '@weft/api';
import type { LoadBalancerRoutingTypes } from '../load-balancer-routing/load-balancer-routing.types.ts';
import { nicKey, Site } from '../testing/site.ts';
import { HEALTH_CHECK_ANNOTATION, parseHealthCheck } from './health-check.ts';

const lb: ObjectKey = { kind: 'LoadBalancer', namespace: 'ns', name: 'web' };
const routing: ObjectKey = { kind: 'LoadBalancerRouting', namespace: 'ns', name: 'web' };

describe('The annotation for health checks', () => {
  it('says how to check and how often, with defaults', () => {
    expect(parseHealthCheck('tcp:8080')).toEqual({ protocol: 'TCP', port: 8080, intervalMs: 5_000, timeoutMs: 1_000, rise: 2, fall: 3 });
    expect(parseHealthCheck('udp:53, interval=2s,timeout=2s')).toMatchObject({
      protocol: 'UDP',
      port: 53,
      intervalMs: 2_000,
      timeoutMs: 2_000,
    });
    expect(parseHealthCheck('icmp,rise=1,fall=10')).toMatchObject({ protocol: 'ICMP', rise: 1, fall: 10 });
  });

  it.each([
    '',
    'http:80',
    'tcp',
    'tcp:0',
    'tcp:65536',
    'icmp:7',
    'tcp:80,interval=5',
    'tcp:80,rise=2s',
    'tcp:80,pause=1s',
    'tcp:80,interval=1s,timeout=2s',
    'tcp:80,fall=0',
    'TCP:80',
  ])('refuses %j, with the reason', (text) => {
    expect(typeof parseHealthCheck(text)).toBe('string');
  });

  it('is refused where it stands', () => {
    const site = new Site();
    const spec = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' } };
    const metadata = { namespace: 'ns', name: 'web', annotations: { [HEALTH_CHECK_ANNOTATION]: 'tcp' } };
    const object = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'LoadBalancer', metadata, spec };
    const reply = site.world.send({ verb: 'create', kind: 'LoadBalancer', namespace: 'ns', object });
    expect(reply).toMatchObject({
      ok: false,
      status: { details: { causes: [{ field: `metadata.annotations[${HEALTH_CHECK_ANNOTATION}]` }] } },
    });
  });
});

describe('Targets that fail their check', () => {
  const start = () => {
    const site = new Site({ pool: ['203.0.113.1'] }).network();
    const annotations = { [HEALTH_CHECK_ANNOTATION]: 'tcp:80' };
    const spec = { type: 'Public', ipFamilies: ['IPv4'], networkRef: { name: 'net' }, networkInterfaceSelector: {} };
    const apiVersion = 'networking.ironcore.dev/v1alpha1';
    site.world.create({ apiVersion, kind: 'LoadBalancer', metadata: { namespace: 'ns', name: 'web', annotations }, spec });
    for (const [name, ip] of [
      ['a', '10.0.0.1'],
      ['b', '10.0.0.2'],
    ] as const)
      site.nic(name, [ip]).machine(name, 'host-a');
    return site;
  };
  const report = (site: Site, nic: string, healthy: boolean, balancer = site.uid(lb)): number => {
    const before = site.world.appends.length;
    const payload: JsonObject = { balancer, targets: [{ uid: site.uid(nicKey(nic)), healthy }] };
    expect(site.world.act(routing, 'ReportHealth', payload).ok).toBe(true);
    return site.world.appends.slice(before).filter(({ events }) => events.some(({ stream }) => stream.startsWith('LoadBalancerRouting-')))
      .length;
  };
  const failed = (site: Site, nic: string) => {
    const facts = site.world.get(routing)?.facts as unknown as LoadBalancerRoutingTypes['facts'] | undefined;
    return memberOf(facts?.failed ?? {}, site.uid(nicKey(nic)));
  };
  const says = (site: Site) => {
    const conditions = (site.world.object(lb)?.status?.['conditions'] ?? []) as unknown as readonly {
      type: string;
      status: string;
      reason: string;
    }[];
    const { status, reason } = conditions.find(({ type }) => type === 'TargetsHealthy') ?? {};
    return `${status} ${reason}`;
  };

  it('are noted when that changes, and only for the balancer whose targets they are', () => {
    const site = start();
    expect(report(site, 'a', true)).toBe(0);
    expect(report(site, 'a', false, 'another')).toBe(0);
    expect([report(site, 'a', false), report(site, 'a', false)]).toEqual([1, 0]);
    expect([failed(site, 'a'), failed(site, 'b')]).toEqual([true, undefined]);
    expect(report(site, 'a', true)).toBe(1);
    expect(failed(site, 'a')).toBeUndefined();
  });

  it('show in a condition of the balancer, as long as somebody checks', () => {
    const site = start();
    expect(says(site)).toBe('True ChecksPass');
    report(site, 'a', false);
    expect(says(site)).toBe('False TargetsFailed');
    report(site, 'b', false);
    expect(says(site)).toBe('False AllTargetsFailed');
    site.world.patch(lb, { metadata: { annotations: { [HEALTH_CHECK_ANNOTATION]: null } } });
    expect(says(site)).toBe('undefined undefined');
  });

  it('are forgotten with the membership', () => {
    const site = start();
    report(site, 'a', false);
    site.world.delete({ kind: 'Machine', namespace: 'ns', name: 'm-a' });
    expect(failed(site, 'a')).toBeUndefined();
    site.machine('a', 'host-a');
    expect(failed(site, 'a')).toBeUndefined();
    expect(says(site)).toBe('True ChecksPass');
  });
});
