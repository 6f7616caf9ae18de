import type { Metadata } from '@grpc/grpc-js';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { type Answer, carriedOut, DOOR, type Door, passedOf, urlOf } from './grpc.controllers.ts';

/** Fields that were left out are empty, or 0. */
type Packet = Readonly<{ from: string; to: string; protocol: string; source_port: number; hop_limit: number }>;
type TraceRequest = Readonly<{ packet?: Packet; at: string; reading: string; live: boolean; deliver: boolean }>;
type BlameRequest = Readonly<{ packet?: Packet; at: string; since: string; before: string; limit: number; why: boolean }>;
type ConvergenceRequest = Readonly<{ object: string; position: string; correlation: string; goal: string; timeout_seconds: number }>;

/** What becomes of packets and of changes, and why: the answers are those of HTTP. */
@Controller()
export class ExplainGrpcController {
  readonly #door: Door;

  constructor(@Inject(DOOR) door: Door) {
    this.#door = door;
  }

  @GrpcMethod('Explain', 'Trace')
  trace({ packet, at, reading, live, deliver }: TraceRequest, metadata: Metadata): Promise<Answer> {
    if (!live) return this.#ask('trace', packet, metadata, { at, reading });
    const { source_port = 0, hop_limit = 0, ...ends } = packet ?? {};
    const ports = { ...(source_port > 0 && { sourcePort: source_port }), ...(hop_limit > 0 && { hopLimit: hop_limit }) };
    const body = { ...ends, ...ports, ...(at !== '' && { at }), ...(reading !== '' && { reading }), live, deliver };
    const headers = { ...passedOf(metadata), 'content-type': 'application/json' };
    return carriedOut(this.#door, () => ({ method: 'POST', url: '/weft/v1/trace', headers, body: JSON.stringify(body) }));
  }

  @GrpcMethod('Explain', 'Blame')
  blame({ packet, at, since, before, limit, why }: BlameRequest, metadata: Metadata): Promise<Answer> {
    return this.#ask('blame', packet, metadata, { at, since, before, limit: textOf(limit), why: String(why) });
  }

  @GrpcMethod('Explain', 'Convergence')
  convergence({ object, position, correlation, goal, timeout_seconds }: ConvergenceRequest, metadata: Metadata): Promise<Answer> {
    const asked = { object, position, correlation, for: goal, timeoutSeconds: textOf(timeout_seconds) };
    return carriedOut(this.#door, () => ({ method: 'GET', url: urlOf('/weft/v1/convergence', asked), headers: passedOf(metadata) }));
  }

  @GrpcMethod('Explain', 'Staged')
  staged({ policy, namespace }: Readonly<{ policy: string; namespace: string }>, metadata: Metadata): Promise<Answer> {
    return carriedOut(this.#door, () => ({
      method: 'GET',
      url: urlOf('/weft/v1/staged', { policy, namespace }),
      headers: passedOf(metadata),
    }));
  }

  #ask(what: string, packet: Packet | undefined, metadata: Metadata, query: Readonly<Record<string, string>>): Promise<Answer> {
    const { from = '', to = '', protocol = '', source_port = 0, hop_limit = 0 } = packet ?? {};
    const asked = { from, to, protocol, sourcePort: textOf(source_port), hopLimit: textOf(hop_limit), ...query };
    return carriedOut(this.#door, () => ({ method: 'GET', url: urlOf(`/weft/v1/${what}`, asked), headers: passedOf(metadata) }));
  }
}

function textOf(number: number): string {
  return number === 0 ? '' : String(number);
}
