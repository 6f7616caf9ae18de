/**
 * What the child server's directory holds: `nats-server.json` (port and token, chosen once), `nats-server.conf` (made from it), `nats-
 * server.pid.json` (which process runs) and `nats-server.log`. Only the owner may read them: whoever has the token controls the bus. The server adds a
 * file `*.ports`, which says where it listens and holds no token.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NatsTarget } from '../nats/target.ts';
import type { ProcessIdentity } from './process-identity.ts';

export type NatsSettings = Readonly<{ port: number; token: string }>;

/** More than the largest object (900 kB) with its envelope, and than any chunk of rows. */
const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

export class NatsDirectory {
  /** Without symbolic links, so that the arguments of a server from here are always the same. */
  readonly #path: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#path = realpathSync(directory);
  }

  get config(): string {
    return join(this.#path, 'nats-server.conf');
  }

  /** Last lines of the server's log, for errors. */
  logTail(): string {
    try {
      return readFileSync(this.#log, 'utf8').slice(-2_000).trim();
    } catch {
      return '';
    }
  }

  /** Undefined when none were chosen yet, or the file is damaged: then new ones are. */
  readSettings(): NatsSettings | undefined {
    return readSettings(this.#path);
  }

  writeSettings(settings: NatsSettings, serverName: string): void {
    this.#write('nats-server.json', JSON.stringify(settings));
    this.#write(
      'nats-server.conf',
      `# Written by Weft at each start.
server_name: ${JSON.stringify(serverName)}
listen: "127.0.0.1:${settings.port}"
authorization { token: ${JSON.stringify(settings.token)}, timeout: 10 }
# Whoever may log in to this machine may see who is connected and what is subscribed to, no token and no message; the port is any free one.
http: "127.0.0.1:-1"
ports_file_dir: ${JSON.stringify(this.#path)}
max_payload: ${PAYLOAD_BYTES_MAX}
ping_interval: "10s"
ping_max: 2
log_file: ${JSON.stringify(this.#log)}
`,
    );
    rmSync(this.#log, { force: true });
    for (const file of portsFilesIn(this.#path)) rmSync(file, { force: true });
  }

  readIdentity(): ProcessIdentity | undefined {
    try {
      const { pid, bootId, startTicks } = JSON.parse(readFileSync(join(this.#path, 'nats-server.pid.json'), 'utf8')) as ProcessIdentity;
      return typeof pid === 'number' && typeof bootId === 'string' && typeof startTicks === 'string'
        ? { pid, bootId, startTicks }
        : undefined;
    } catch {
      return undefined;
    }
  }

  writeIdentity(identity: ProcessIdentity | undefined): void {
    if (identity === undefined) rmSync(join(this.#path, 'nats-server.pid.json'), { force: true });
    else this.#write('nats-server.pid.json', JSON.stringify(identity));
  }

  get #log(): string {
    return join(this.#path, 'nats-server.log');
  }

  /** Replaces the file as a whole or not at all. */
  #write(name: string, text: string): void {
    const file = join(this.#path, name);
    const draft = `${file}.new`;
    rmSync(draft, { force: true });
    writeFileSync(draft, text, { mode: 0o600 });
    chmodSync(draft, 0o600); // Independent of the umask.
    renameSync(draft, file);
  }
}

function readSettings(directory: string): NatsSettings | undefined {
  try {
    const { port, token } = JSON.parse(readFileSync(join(directory, 'nats-server.json'), 'utf8')) as NatsSettings;
    return Number.isInteger(port) && port > 0 && port < 65_536 && typeof token === 'string' && token.length >= 16
      ? { port, token }
      : undefined;
  } catch {
    return undefined;
  }
}

/** The server writes one when it is up. */
function portsFilesIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith('.ports'))
    .map((name) => join(directory, name));
}

/** Where the server that runs from this directory can be asked what is subscribed to; undefined while that is not known. */
export function natsMonitorOf(directory: string): () => string | undefined {
  return () => {
    try {
      const [file, ...others] = portsFilesIn(directory);
      if (file === undefined || others.length > 0) return undefined;
      const { monitoring } = JSON.parse(readFileSync(file, 'utf8')) as { monitoring?: readonly string[] };
      return monitoring?.[0];
    } catch {
      return undefined;
    }
  };
}

/** How to reach the server that runs from this directory, for `connectBus`: read anew at each dial. */
export function natsTargetOf(directory: string): () => NatsTarget {
  return () => {
    const settings = readSettings(directory);
    if (settings === undefined) throw new Error(`no bus server was started from ${directory} yet`);
    return { servers: [`nats://127.0.0.1:${settings.port}`], token: settings.token };
  };
}
