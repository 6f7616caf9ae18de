/** The command line: `weft up`, `weft verify`, `weft help`. */
import 'reflect-metadata';
import { HELP } from './configuration.ts';
import { up } from './up.ts';
import { verify } from './verify.ts';

const [command = 'help', ...args] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);
const complain = (line: string) => process.stderr.write(`${line}\n`);
switch (command) {
  case 'up':
    process.exitCode = await up(process.env, args, say, complain);
    break;
  case 'verify':
    process.exitCode = await verify(process.env, args, say, complain);
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
