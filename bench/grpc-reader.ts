/** Follows events over gRPC, on a connection of its own, and looks into as few of them as it can. */
import { crc32 } from 'node:zlib';
import { Client, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { fromJSON } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

type Told = Readonly<{ what: string; json: string; events?: readonly Told[] }>;
type Call = Readonly<{ on: (event: string, listener: (told: Told) => void) => void; cancel: () => void }>;
type Stub = Client & Readonly<{ Follow: (request: object) => Call }>;

/** A stub of the service that a gateway describes itself. */
export async function eventsOverGrpc(http: string): Promise<(address: string) => Stub> {
  const proto = await (await fetch(`${http}/weft/v1/weft.proto`)).text();
  const definition = fromJSON(protobuf.parse(proto, { keepCase: true }).root.toJSON(), { enums: String, defaults: true });
  const { weft } = loadPackageDefinition(definition) as unknown as { weft: { v1: { Events: new (...args: unknown[]) => Stub } } };
  return (address) => new weft.v1.Events(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
}

export class GrpcReader {
  readonly #stub: Stub;
  readonly #call: Call;
  readonly #parses: boolean;
  readonly steps: number[] = [];
  onStep: (step: number) => void = () => {};
  bytes = 0;
  isEnded = false;
  /** Events. */
  length = 0;
  checksum = 0;

  private constructor(stub: Stub, call: Call, parses: boolean) {
    this.#stub = stub;
    this.#call = call;
    this.#parses = parses;
  }

  /** Once the first thing was told. */
  static open(stub: Stub, request: object, parses: boolean): Promise<GrpcReader> {
    const call = stub.Follow(request);
    const reader = new GrpcReader(stub, call, parses);
    return new Promise((resolve, reject) => {
      call.on('error', (error) => {
        reader.isEnded = true;
        reject(error);
      });
      call.on('end', () => {
        reader.isEnded = true;
      });
      call.on('data', (told) => {
        reader.#take(told);
        resolve(reader);
      });
    });
  }

  close(): void {
    this.#call.cancel();
    this.#stub.close();
  }

  #take({ what, json, events = [] }: Told): void {
    for (const each of events) this.#take(each);
    if (events.length > 0 || what !== 'EVENT') return;
    this.length += 1;
    this.bytes += json.length;
    this.checksum = crc32(json, this.checksum);
    const text = this.#parses ? /"step":"(\d+)"/.exec(json)?.[1] : undefined;
    if (text === undefined) return;
    this.steps.push(Number(text));
    this.onStep(Number(text));
  }
}
