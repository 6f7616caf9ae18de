/** docs/cli.md: what `weft help` says of itself and of each verb. */
import type { Command } from 'commander';
import { programFor } from '../../cli/commands.ts';
import { EXIT_CODES } from '../../cli/exit-codes.ts';
import { VERBS } from '../../cli/verbs.ts';
import { textTerminal } from '../text-terminal.ts';

const HEAD = `# The command line

Made from the commands themselves by \`npm run cli -- --write\`; a test compares. A tour that uses them: [operators.md](operators.md).

\`weft\` asks a server over HTTP: \`--server\`, else \`WEFT_SERVER\`, else the one that runs on \`WEFT_DATA\` (\`./.weft\`), else \`http://127.0.0.1:7480\`.
\`up\` and \`verify\` work on the event store of this machine. Tables are for people (with colours on a terminal; \`NO_COLOR=1\` turns them off); scripts take
\`-o json\` or \`-o name\`, and these exit codes:

| Code | Means |
|---|---|
${EXIT_CODES.map(([code, means]) => `| ${code} | ${means} |`).join('\n')}

From a clone: \`npm run weft -- get networks\`.
`;

export async function cliReference(): Promise<string> {
  const sections: string[] = [];
  for (const { name } of VERBS) {
    const { loaded } = await programFor([name], textTerminal());
    if (loaded === undefined) throw new Error(`${name} cannot be loaded`);
    sections.push(`## weft ${name}\n\n\`\`\`\n${helpOf(loaded.command)}\n\`\`\`\n`);
  }
  return [HEAD, ...sections].join('\n');
}

/** With what stands behind options. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return text.trimEnd();
}
