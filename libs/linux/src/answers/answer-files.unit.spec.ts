import { systemClock } from '@weft/api';
import { answerFiles } from './answer-files.ts';
import { GuestAnswers } from './guest-answers.ts';

const both = { device: 'ga', mac: '02:00:00:00:00:0a', ips: ['10.0.0.1', 'fd10::1'] };
const v4 = { device: 'gb', mac: '02:00:00:00:00:0b', ips: ['10.0.0.2'] };
const linesOf = (text: string | undefined, ...beginnings: readonly string[]) =>
  (text ?? '').split('\n').filter((line) => beginnings.some((each) => line.startsWith(each)));

describe('What the programs are told that answer guests', () => {
  it('is of each port its own address, for its own MAC, and for nobody else', () => {
    const { dnsmasq } = answerFiles({ mtu: 1430, dns: [], ports: [both, v4] });
    expect(linesOf(dnsmasq, 'interface=', 'dhcp-range=', 'shared-network=', 'dhcp-host=')).toEqual([
      'interface=ga',
      'dhcp-range=10.0.0.1,static,255.255.255.255,infinite',
      'shared-network=ga,10.0.0.1',
      'dhcp-range=fd10::1,static,128,300',
      'shared-network=ga,fd10::1',
      'dhcp-host=02:00:00:00:00:0a,tag:ga,10.0.0.1,[fd10::1]',
      'interface=gb',
      'dhcp-range=10.0.0.2,static,255.255.255.255,infinite',
      'shared-network=gb,10.0.0.2',
      'dhcp-host=02:00:00:00:00:0b,tag:gb,10.0.0.2',
    ]);
  });

  it('is the gateway as a route and no router, the MTU, and resolvers where there are some', () => {
    const options = (dns: readonly string[]) => linesOf(answerFiles({ mtu: 1430, dns, ports: [both] }).dnsmasq, 'dhcp-option=');
    const always = [
      'dhcp-option=3',
      'dhcp-option=121,169.254.0.0/16,0.0.0.0,169.254.0.1/32,0.0.0.0,0.0.0.0/0,169.254.0.1',
      'dhcp-option=26,1430',
    ];
    expect(options([])).toEqual(always);
    expect(options(['192.0.2.53', '2001:db8::53'])).toEqual([
      ...always,
      'dhcp-option=6,192.0.2.53',
      'dhcp-option=option6:dns-server,[2001:db8::53]',
    ]);
  });

  it('is a router of IPv6 to those alone who have such an address, without a prefix', () => {
    const { radvd } = answerFiles({ mtu: 1430, dns: [], ports: [both, v4] });
    expect(linesOf(radvd, 'interface')).toEqual([expect.stringMatching(/^interface ga \{.* AdvManagedFlag on;.* AdvLinkMTU 1430;.*\};$/)]);
    expect(radvd).not.toMatch(/prefix/);
    expect(answerFiles({ mtu: 1430, dns: [], ports: [v4] }).radvd).toBeUndefined();
  });

  it('says which program a host lacks, and how to get it, before anything is done', async () => {
    const answers = new GuestAnswers({ hostIndex: 65_535, dns: [], timers: systemClock, paths: [] });
    expect(await answers.change(1, 1430, [both], [])).toMatch(/^dnsmasq, .* is not on this host: apt-get install dnsmasq-base$/);
    expect(await answers.told(1)).toEqual(new Map());
  });
});
