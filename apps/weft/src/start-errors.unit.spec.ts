import { UnavailableError } from '@weft/event-store';
import { upConfig } from './configuration.ts';
import { readableStartError } from './start-errors.ts';

describe('readableStartError', () => {
  it('names the event store that does not answer, without its password', () => {
    const config = upConfig({ WEFT_EVENT_STORE: 'esdb://me:secret@10.0.0.9:2113?tls=false' }, {});
    const { message } = readableStartError(new UnavailableError('read of stream "Store-.id": connect ECONNREFUSED 10.0.0.9:2113'), config);
    expect(message).toMatch(
      /event store at esdb:\/\/me:\*\*\*@10\.0\.0\.9:2113\?tls=false does not answer.*WEFT_EVENT_STORE.*ECONNREFUSED/,
    );
    expect(message).not.toContain('secret');
  });
});
