/** `weft hosts`: how far each host has come. */
import { Kinds } from '../cli/kinds.ts';
import { takesOutput } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import type { Verb } from '../cli/verb.ts';
import { show, takesMoment } from './get.ts';

export const hosts: Verb = {
  declare(command) {
    command
      .description('Shows hosts: whether each is ready, and how far it has brought its dataplane.')
      .argument('[name...]', 'only these');
    takesMoment(command);
    takesOutput(command, ['json', 'yaml', 'name', 'wide']);
    takesServer(command);
  },

  async run(call) {
    const server = serverOf(call);
    const kinds = await Kinds.of(server);
    return show(server, kinds.refs(['hosts', ...call.args], undefined), call);
  },
};
