/** The gRPC door as a client made of the proto sees it. */
import { Client, credentials, loadPackageDefinition, Metadata, type ServiceError } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import type { JsonObject, Status } from '@weft/api';
import protobuf from 'protobufjs';
import { ERROR_PROTO, HEALTH_PROTO, WEFT_PROTO } from '../grpc/weft.proto.ts';

export type Answer = Readonly<{ json: string; warnings: readonly string[]; repeated_request: boolean }>;
export type Failed = Readonly<{ code: number; status: Status }>;
export type Stub = Client & Record<string, (...args: unknown[]) => Stream>;
export type Stream = AsyncIterable<Readonly<Record<string, string>>> & Readonly<{ cancel: () => void }>;

const root = new protobuf.Root();
for (const text of [WEFT_PROTO, HEALTH_PROTO]) protobuf.parse(text, root, { keepCase: true });
const definition = fromJSON(root.toJSON(), { enums: String, defaults: true });
const services = loadPackageDefinition(definition) as unknown as Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, new (address: string, credentials: unknown) => Stub>>>>>
>;
const rpcStatus = protobuf.parse(ERROR_PROTO, { keepCase: true }).root.lookupType('google.rpc.Status');
const detailType = root.lookupType('weft.v1.StatusDetail');

/** The Status in the details of an error. */
export function failureOf(error: ServiceError): Failed {
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  const { code, details } = rpcStatus.decode(bytes as Buffer) as unknown as { code: number; details: { value: Uint8Array }[] };
  expect(code).toBe(error.code);
  const { json } = detailType.decode(details[0]?.value as Uint8Array) as unknown as { json: string };
  return { code: error.code, status: JSON.parse(json) };
}

export class Door {
  readonly #resources: Stub;
  readonly #events: Stub;
  readonly #history: Stub;
  readonly #log: Stub;
  readonly #explain: Stub;
  readonly #plans: Stub;
  readonly health: Stub;

  constructor(address: string) {
    const insecure = credentials.createInsecure();
    const { weft, grpc } = services as unknown as {
      weft: { v1: Record<string, new (address: string, credentials: unknown) => Stub> };
      grpc: { health: { v1: Record<string, new (address: string, credentials: unknown) => Stub> } };
    };
    const stub = (service: string) => new (weft.v1[service] as new (address: string, credentials: unknown) => Stub)(address, insecure);
    this.#resources = stub('Resources');
    this.#events = stub('Events');
    this.#history = stub('History');
    this.#log = stub('Log');
    this.#explain = stub('Explain');
    this.#plans = stub('Plans');
    this.health = new (grpc.health.v1['Health'] as new (address: string, credentials: unknown) => Stub)(address, insecure);
  }

  send(method: string, request: object, headers: Record<string, string> = {}): Promise<Answer | Failed> {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const stub = [this.#resources, this.#history, this.#log, this.#explain, this.#plans].find((each) => method in each);
    return new Promise((resolve) => {
      stub?.[method]?.(request, metadata, (error: ServiceError | null, answer: Answer) =>
        resolve(error === null ? answer : failureOf(error)),
      );
    });
  }

  check(): Promise<JsonObject> {
    return new Promise((resolve, reject) => {
      this.health['Check']?.({}, (error: ServiceError | null, answer: JsonObject) => (error === null ? resolve(answer) : reject(error)));
    });
  }

  watch(request: object): Stream {
    return this.#resources['Watch']?.(request) as Stream;
  }

  follow(request: object): Stream {
    return this.#events['Follow']?.(request) as Stream;
  }

  read(request: object): Stream {
    return this.#log['Read']?.(request) as Stream;
  }

  close(): void {
    for (const each of [this.#resources, this.#events, this.#history, this.#log, this.#explain, this.health]) each.close();
  }
}
