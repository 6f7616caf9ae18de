/** What a process needs to know to reach store and bus, from the environment; parsed once; each error names the variable and what it may be. */
import { join, resolve } from 'node:path';
import { PROVIDERS, type Provider } from '@weft/api';

export type StoreConfig = Readonly<{ kind: 'embedded'; directory: string } | { kind: 'eventstoredb'; address: string }>;
/** `child`: the server that `npm start` runs as its child; its address and token are read from the directory. */
export type BusConfig = Readonly<{ kind: 'child'; directory: string } | { kind: 'servers'; servers: readonly string[] }>;

export type PlatformConfig = Readonly<{
  /** Absolute. */
  data: string;
  store: StoreConfig;
  bus: BusConfig;
  provider: Provider;
  logLevel: string;
}>;

export type Listen = Readonly<{ address: string; port: number }>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Its message is for people: it names the variable and what that may be. */
export class ConfigurationError extends Error {}

const DATA_DEFAULT = '.weft';
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_PROVIDER`, `WEFT_LOG`. Throws ConfigurationError. */
export function platformConfig(env: Environment, defaults: Readonly<{ logLevel: string }> = { logLevel: 'info' }): PlatformConfig {
  const data = resolve(env['WEFT_DATA'] || DATA_DEFAULT);
  const logLevel = env['WEFT_LOG'] || defaults.logLevel;
  if (!LOG_LEVELS.includes(logLevel)) throw new ConfigurationError(`WEFT_LOG must be one of ${LOG_LEVELS.join(', ')}, not "${logLevel}"`);
  return {
    data,
    store: storeConfig(env['WEFT_EVENT_STORE'], data),
    bus: busConfig(env['WEFT_NATS'], data),
    provider: providerOf(env['WEFT_PROVIDER']),
    logLevel,
  };
}

function storeConfig(text: string | undefined, data: string): StoreConfig {
  if (text === undefined || text === '' || text === 'embedded') return { kind: 'embedded', directory: join(data, 'events') };
  if (text.startsWith('embedded:') && text.length > 'embedded:'.length) {
    return { kind: 'embedded', directory: resolve(text.slice('embedded:'.length)) };
  }
  if (/^(esdb|kurrentdb)(\+discover)?:\/\/./.test(text)) return { kind: 'eventstoredb', address: text };
  throw new ConfigurationError(`WEFT_EVENT_STORE must be embedded:<directory> or esdb://host:2113?tls=false, not "${text}"`);
}

function busConfig(text: string | undefined, data: string): BusConfig {
  if (text === undefined || text.trim() === '') return { kind: 'child', directory: join(data, 'nats') };
  const servers = text.split(',').map((server) => server.trim());
  for (const server of servers) {
    if (!/^((nats|tls):\/\/)?[^\s/]+$/.test(server)) {
      throw new ConfigurationError(
        `WEFT_NATS must be nats://host:4222, several with commas between them, not "${server.replace(/[^/@]*@/, '')}"`,
      );
    }
  }
  return { kind: 'servers', servers };
}

function providerOf(text: string | undefined): Provider {
  const provider = PROVIDERS.find((each) => each === (text || 'weft'));
  if (provider !== undefined) return provider;
  throw new ConfigurationError(
    `WEFT_PROVIDER must be ${PROVIDERS.join(' or ')}, not "${text}": leave it out unless another provider writes /status`,
  );
}

/** `address:port` of a variable; undefined when it is not set. Throws ConfigurationError. */
export function listenOf(env: Environment, variable: string): Listen | undefined {
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new ConfigurationError(`${variable} must be address:port, for example 127.0.0.1:7481, not "${text}"`);
  return { address: (match[1] ?? match[2]) as string, port };
}
