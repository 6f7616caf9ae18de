import { agentConfig, uplinkSettingsWithoutEffect } from './config.ts';

describe('agent configuration', () => {
  it('takes all from the environment', () => {
    const env = {
      WEFT_HOST: 'host-a.example',
      WEFT_HOST_NETNS: 'ha',
      WEFT_UNDERLAY_IP: 'FD00:0::1',
      WEFT_DATAPLANE: 'simulated',
      WEFT_DATA: '/d',
      WEFT_UPLINK: 'eth1',
      WEFT_UPLINK_IPS: '192.0.2.2/24, 2001:DB8:0::2/64',
      WEFT_UPLINK_GATEWAYS: '192.0.2.1',
      WEFT_GUEST_DNS: '192.0.2.53,2001:DB8:0::53',
    };
    expect(agentConfig(env)).toEqual({
      ...{ host: 'host-a.example', netns: 'ha', underlay: 'fd00::1', driver: 'simulated', directory: '/d' },
      uplink: { device: 'eth1', addresses: ['192.0.2.2/24', '2001:db8::2/64'], gateways: ['192.0.2.1'] },
      guestDns: ['192.0.2.53', '2001:db8::53'],
    });
  });

  it('programs the kernel of this machine by default', () => {
    expect(agentConfig({ WEFT_HOST: 'a' })).toEqual({ host: 'a', driver: 'linux' });
  });

  it('tells what says nothing of a host without an uplink, and works all the same', () => {
    const env = { WEFT_HOST: 'a', WEFT_UPLINK_IPS: '192.0.2.2/24', WEFT_UPLINK_GATEWAYS: '192.0.2.1' };
    expect(agentConfig(env)).toEqual({ host: 'a', driver: 'linux' });
    expect(uplinkSettingsWithoutEffect(env)).toEqual([
      expect.stringMatching(/^WEFT_UPLINK_IPS has no effect without WEFT_UPLINK/),
      expect.stringMatching(/^WEFT_UPLINK_GATEWAYS has no effect/),
    ]);
    expect([uplinkSettingsWithoutEffect({ ...env, WEFT_UPLINK: 'eth1' }), uplinkSettingsWithoutEffect({})]).toEqual([[], []]);
  });

  it.each([
    [{ WEFT_HOST: 'Host_A' }, 'WEFT_HOST must be'],
    [{ WEFT_HOST: 'a', WEFT_DATAPLANE: 'ebpf' }, 'WEFT_DATAPLANE must be'],
    [{ WEFT_HOST: 'a', WEFT_UNDERLAY_IP: '10.1' }, 'WEFT_UNDERLAY_IP must be'],
    [{ WEFT_HOST: 'a', WEFT_HOST_NETNS: '../x' }, 'WEFT_HOST_NETNS must be'],
    [{ WEFT_HOST: 'a', WEFT_GUEST_DNS: 'dns.example' }, 'WEFT_GUEST_DNS must be'],
    [{ WEFT_HOST: 'a', WEFT_UPLINK: 'a device' }, 'WEFT_UPLINK must be'],
    [{ WEFT_HOST: 'a', WEFT_UPLINK: 'eth1', WEFT_UPLINK_IPS: '192.0.2.2' }, 'WEFT_UPLINK_IPS must be'],
    [{ WEFT_HOST: 'a', WEFT_UPLINK: 'eth1', WEFT_UPLINK_GATEWAYS: '192.0.2.2/24' }, 'WEFT_UPLINK_GATEWAYS must be'],
  ])('refuses %j', (env, named) => {
    expect(() => agentConfig(env)).toThrow(named);
  });
});
