import { fromJSON } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { type DynamicModule, type INestMicroservice, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type GrpcOptions, Transport } from '@nestjs/microservices';
import protobuf from 'protobufjs';
import { GATEWAY, type GatewayContext } from '../context.ts';
import { ExplainGrpcController } from './explain.grpc.controller.ts';
import {
  DOOR,
  type Door,
  EventsGrpcController,
  HealthGrpcController,
  HistoryGrpcController,
  PlansGrpcController,
  ResourcesGrpcController,
} from './grpc.controllers.ts';
import { passingBytes } from './streamed.ts';
import { HEALTH_PROTO, WEFT_PROTO } from './weft.proto.ts';

@Module({})
class GrpcModule {
  static of(context: GatewayContext, door: Door): DynamicModule {
    return {
      module: GrpcModule,
      controllers: [
        ResourcesGrpcController,
        EventsGrpcController,
        HistoryGrpcController,
        ExplainGrpcController,
        PlansGrpcController,
        HealthGrpcController,
      ],
      providers: [
        { provide: GATEWAY, useValue: context },
        { provide: DOOR, useValue: door },
      ],
    };
  }
}

/** As large as any answer of HTTP: lists go in one piece, and clients page. */
const UNLIMITED = -1;
const BODY_BYTES_MAX = 4 * 1024 * 1024;

/** Serves gRPC at `address` (host:port) without TLS. Resolves when the port is open. `close` cuts what is under way. */
export async function openGrpc(context: GatewayContext, address: string, http: Door['http']): Promise<INestMicroservice> {
  const root = new protobuf.Root();
  for (const text of [WEFT_PROTO, HEALTH_PROTO]) protobuf.parse(text, root, { keepCase: true });
  const packageDefinition = passingBytes(fromJSON(root.toJSON(), { enums: String, defaults: true, longs: String }));
  const options: GrpcOptions['options'] = {
    url: address,
    package: ['weft.v1', 'grpc.health.v1'],
    packageDefinition,
    maxSendMessageLength: UNLIMITED,
    maxReceiveMessageLength: BODY_BYTES_MAX,
    onLoadPackageDefinition: (definition, server) => new ReflectionService(definition).addToServer(server),
  };
  const app = await NestFactory.createMicroservice<GrpcOptions>(GrpcModule.of(context, { http }), {
    transport: Transport.GRPC,
    options,
    logger: false,
    abortOnError: false,
  });
  try {
    await app.listen();
  } catch (cause) {
    await app.close().catch(() => {});
    throw new Error(
      `gRPC cannot be served at ${address} (${(cause as Error).message}): choose another place with WEFT_GRPC, or WEFT_GRPC=off`,
      { cause },
    );
  }
  return app;
}
