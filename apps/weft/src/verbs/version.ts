/** `weft version`. */
import { DONE, NO_ANSWER } from '../cli/exit-codes.ts';
import { formatOf, takesOutput, writeDocument } from '../cli/output.ts';
import { serverOf, takesServer } from '../cli/server.ts';
import type { Verb } from '../cli/verb.ts';
import { VERSION } from '../version.ts';

export const version: Verb = {
  declare(command) {
    command.description('Tells the versions of this command and of the server.').option('--client', 'do not ask the server');
    takesOutput(command, ['json', 'yaml']);
    takesServer(command);
  },

  async run(call) {
    const { options, terminal } = call;
    const server = options['client'] === true ? undefined : serverOf(call);
    const versions: Record<string, unknown> = { client: VERSION, node: process.version };
    let code = DONE;
    try {
      const { gitVersion } = (await server?.json<{ gitVersion?: string }>('/version')) ?? {};
      if (gitVersion !== undefined) versions['server'] = { url: server?.url, kubernetes: gitVersion };
    } catch (error) {
      // What is known is told all the same.
      terminal.complain(`weft: ${(error as Error).message}`);
      code = NO_ANSWER;
    }
    const format = formatOf(options);
    if (format === 'json' || format === 'yaml') await writeDocument(versions, format, terminal);
    else {
      terminal.say(`weft ${VERSION} (Node ${process.version})`);
      if (versions['server'] !== undefined) {
        const { url, kubernetes } = versions['server'] as Readonly<{ url: string; kubernetes: string }>;
        terminal.say(`server ${url}, which speaks the API of Kubernetes ${kubernetes}`);
      }
    }
    return code;
  },
};
