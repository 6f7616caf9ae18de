import { healthPorts } from './processes.ts';

describe('Ports of processes', () => {
  it('are those from the named one upwards, or none', () => {
    const [next, none, six] = [healthPorts({ WEFT_HEALTH: '127.0.0.1:8480' }), healthPorts({}), healthPorts({ WEFT_HEALTH: '[::1]:1' })];
    expect([next(), next(), none(), none(), six()]).toEqual(['127.0.0.1:8480', '127.0.0.1:8481', '', '', '[::1]:1']);
    expect(() => healthPorts({ WEFT_HEALTH: 'here' })).toThrow('WEFT_HEALTH must be address:port');
  });
});
