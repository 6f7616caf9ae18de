/** Starts a service as a Nest application. */
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Part, RunningService } from '../platform.ts';
import { NestLogger } from './nest-logger.ts';
import { ServiceModule, type ServiceModuleOptions } from './service.module.ts';
import { SERVICE_PARTS } from './service.tokens.ts';

export type ServiceOptions = ServiceModuleOptions &
  Readonly<{
    /** Where `/livez` and `/readyz` are served; when absent, they are not. */
    listen?: Readonly<{ address: string; port: number }>;
  }>;

/** Resolves when everything is registered; the platform's follower may start then. Rejects when the health port cannot be opened. */
export async function createService({ listen, ...options }: ServiceOptions): Promise<RunningService> {
  const { name, platform } = options;
  const app = await NestFactory.create<NestFastifyApplication>(ServiceModule.forService(options), new FastifyAdapter(), {
    logger: new NestLogger(platform.log),
    abortOnError: false,
  });
  try {
    if (listen === undefined) await app.init();
    else await app.listen(listen.port, listen.address);
  } catch (error) {
    await app.close().catch(() => {});
    throw error;
  }
  platform.log.info({ started: name }, 'service started');
  const parts = app.get<readonly Part[]>(SERVICE_PARTS);
  let stopped: Promise<void> | undefined;
  return {
    name,
    problems: () => parts.flatMap((part) => part.problems()),
    stop: () => (stopped ??= app.close()),
  };
}
