/** Where the nats-server program is. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export class NatsServerMissingError extends Error {
  readonly code = 'NatsServerMissing';
}

const HOW_TO_GET_IT =
  'On Debian or Ubuntu it is in the package nats-server (apt-get install nats-server; the service that the package starts is not needed); else see https://nats.io/download. It is looked for in PATH, or WEFT_NATS_SERVER names the file. With WEFT_NATS=nats://host:port a server that runs already is used.';

/** Throws a NatsServerMissingError that says how to get it. */
export function findNatsServer(env: Readonly<Record<string, string | undefined>>): string {
  const named = env['WEFT_NATS_SERVER'];
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named;
    throw new NatsServerMissingError(`WEFT_NATS_SERVER names ${named}, which is no program. ${HOW_TO_GET_IT}`);
  }
  // Debian's /usr/sbin is not in everybody's PATH.
  const folders = [...(env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'].filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, 'nats-server')).find(isProgram);
  if (found === undefined) throw new NatsServerMissingError(`The program nats-server was not found. ${HOW_TO_GET_IT}`);
  return found;
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
