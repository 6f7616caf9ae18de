/** How a Status is told over gRPC: one table, from the outcomes that HTTP answers with; the whole Status goes along in the details. */
import { status as codes, Metadata } from '@grpc/grpc-js';
import { RpcException } from '@nestjs/microservices';
import type { Status } from '@weft/api';
import protobuf from 'protobufjs';
import { toStatusError } from '../http/status.filter.ts';
import { ERROR_PROTO, WEFT_PROTO } from './weft.proto.ts';

/** By HTTP's code; what has another one is UNKNOWN. */
const CODES: Readonly<Record<number, codes>> = {
  400: codes.INVALID_ARGUMENT,
  403: codes.PERMISSION_DENIED,
  404: codes.NOT_FOUND,
  405: codes.UNIMPLEMENTED,
  406: codes.INVALID_ARGUMENT,
  408: codes.DEADLINE_EXCEEDED,
  /** Somebody else was first: read again, and decide again. */
  409: codes.ABORTED,
  /** List again, or begin elsewhere. */
  410: codes.OUT_OF_RANGE,
  413: codes.RESOURCE_EXHAUSTED,
  415: codes.INVALID_ARGUMENT,
  422: codes.INVALID_ARGUMENT,
  429: codes.RESOURCE_EXHAUSTED,
  500: codes.INTERNAL,
  503: codes.UNAVAILABLE,
  /** The outcome is not known. */
  504: codes.DEADLINE_EXCEEDED,
};

const rpcStatus = protobuf.parse(ERROR_PROTO, { keepCase: true }).root.lookupType('google.rpc.Status');
const statusDetail = protobuf.parse(WEFT_PROTO, { keepCase: true }).root.lookupType('weft.v1.StatusDetail');
const DETAIL_TYPE = 'type.googleapis.com/weft.v1.StatusDetail';

export function grpcCodeOf({ code, reason }: Pick<Status, 'code' | 'reason'>): codes {
  return reason === 'AlreadyExists' ? codes.ALREADY_EXISTS : (CODES[code] ?? codes.UNKNOWN);
}

/** What a call ends with. */
export function grpcErrorOf(status: Status): RpcException {
  const code = grpcCodeOf(status);
  const message = status.message ?? status.reason ?? '';
  const value = statusDetail.encode({ json: JSON.stringify(status) }).finish();
  const metadata = new Metadata();
  const details = rpcStatus.encode({ code, message, details: [{ type_url: DETAIL_TYPE, value }] }).finish();
  metadata.set('grpc-status-details-bin', Buffer.from(details));
  return new RpcException({ code, message, details: message, metadata });
}

/** Of whatever was thrown. */
export function grpcErrorFrom(error: unknown): RpcException {
  return grpcErrorOf(toStatusError(error).status);
}
