import { variablesWithoutEffect } from './variables-without-effect.ts';

describe('Variables without effect', () => {
  it('are those that nothing reads, told with the nearest variable that there is', () => {
    const env = { WEFT_EVENTSTORE: 'embedded', WEFT_DATE: '/x', WEFT_SOMETHING_ELSE: '1', WEFT_DATA: '/y', HOME: '/', EFT_DATA: '' };
    expect(variablesWithoutEffect(env, { processes: true })).toEqual([
      'WEFT_DATE is not a variable of Weft and has no effect; did you mean WEFT_DATA?',
      'WEFT_EVENTSTORE is not a variable of Weft and has no effect; did you mean WEFT_EVENT_STORE?',
      'WEFT_SOMETHING_ELSE is not a variable of Weft and has no effect',
    ]);
  });

  it('are none of those that a process may be given', () => {
    const env = { WEFT_HTTP: '', WEFT_NATS_SERVER: '', WEFT_INSECURE: '1', WEFT_HEALTH: '', WEFT_HOST_NETNS: '' };
    expect(variablesWithoutEffect(env, { processes: true })).toEqual([]);
  });

  it('are addresses of an uplink where there is none', () => {
    expect(variablesWithoutEffect({ WEFT_UPLINK_IPS: '192.0.2.2/24' }, { processes: true })).toHaveLength(1);
  });

  it('are those of processes where there is one', () => {
    expect(variablesWithoutEffect({ WEFT_HEALTH: '127.0.0.1:8480' }, { processes: false })).toEqual([
      'WEFT_HEALTH has no effect without --processes: /readyz and /metrics are served where WEFT_HTTP says',
    ]);
    expect(variablesWithoutEffect({ WEFT_HEALTH: '127.0.0.1:8480' }, { processes: true })).toEqual([]);
  });
});
