import { unknownVariables } from './unknown-variables.ts';

describe('unknownVariables', () => {
  it('names what nothing reads, with the nearest variable that there is', () => {
    const env = { WEFT_EVENTSTORE: 'embedded', WEFT_DATE: '/x', WEFT_SOMETHING_ELSE: '1', WEFT_DATA: '/y', HOME: '/', EFT_DATA: '' };
    expect(unknownVariables(env)).toEqual([
      'WEFT_DATE is not a variable of Weft and has no effect; did you mean WEFT_DATA?',
      'WEFT_EVENTSTORE is not a variable of Weft and has no effect; did you mean WEFT_EVENT_STORE?',
      'WEFT_SOMETHING_ELSE is not a variable of Weft and has no effect',
    ]);
  });

  it('knows all that a process may be given', () => {
    const env = { WEFT_HTTP: '', WEFT_NATS_SERVER: '', WEFT_INSECURE: '1', WEFT_HEALTH: '', WEFT_HOST_NETNS: '' };
    expect(unknownVariables(env)).toEqual([]);
  });
});
