/** The command line: `weft up`, `weft help`. */
import 'reflect-metadata';
import { HELP } from './configuration.ts';
import { up } from './up.ts';

const [command = 'help', ...args] = process.argv.slice(2);
const complain = (line: string) => process.stderr.write(`${line}\n`);
switch (command) {
  case 'up':
    process.exitCode = await up(process.env, args, (line) => process.stdout.write(`${line}\n`), complain);
    break;
  case 'help':
  case '--help':
  case '-h':
    process.stdout.write(HELP);
    break;
  default:
    complain(`weft: "${command}" is no command; "npm run weft help" tells which there are`);
    process.exitCode = 2;
}
process.exit();
