/**
 * Request bodies in Kubernetes' protobuf envelope (http-api, appendix A): newer clients send the kinds they were compiled with in this form
 * and do not try JSON after a 415. Field numbers are those of the upstream definitions.
 */
import type { JsonObject } from '@weft/api';
import { type Field, type FieldType, type Message, ProtobufError, readMessage } from './reader.ts';

export const PROTOBUF_TYPE = 'application/vnd.kubernetes.protobuf';
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

export const isProtobuf = (body: Buffer) => body.subarray(0, 4).equals(magic);

const string = (name: string): Field => ({ name, type: 'string' });
const one = (name: string, type: FieldType): Field => ({ name, type });
const many = (name: string, type: FieldType): Field => ({ name, type, repeated: true });

const ownerReference: Message = {
  1: string('kind'),
  3: string('name'),
  4: string('uid'),
  5: string('apiVersion'),
  6: one('controller', 'bool'),
  7: one('blockOwnerDeletion', 'bool'),
};
const objectMeta: Message = {
  1: string('name'),
  2: string('generateName'),
  3: string('namespace'),
  5: string('uid'),
  6: string('resourceVersion'),
  7: one('generation', 'int'),
  8: one('creationTimestamp', 'time'),
  9: one('deletionTimestamp', 'time'),
  11: one('labels', 'stringMap'),
  12: one('annotations', 'stringMap'),
  13: many('ownerReferences', ownerReference),
  14: many('finalizers', 'string'),
};
const objectReference: Message = {
  1: string('kind'),
  2: string('namespace'),
  3: string('name'),
  4: string('uid'),
  5: string('apiVersion'),
  6: string('resourceVersion'),
  7: string('fieldPath'),
};

const kinds: Readonly<Record<string, Message>> = {
  'v1/Namespace': {
    1: one('metadata', objectMeta),
    2: one('spec', { 1: many('finalizers', 'string') }),
    3: one('status', { 1: string('phase') }),
  },
  'v1/Event': {
    1: one('metadata', objectMeta),
    2: one('involvedObject', objectReference),
    3: string('reason'),
    4: string('message'),
    5: one('source', { 1: string('component'), 2: string('host') }),
    6: one('firstTimestamp', 'time'),
    7: one('lastTimestamp', 'time'),
    8: one('count', 'int'),
    9: string('type'),
    10: one('eventTime', 'microTime'),
    11: one('series', { 1: one('count', 'int'), 2: one('lastObservedTime', 'microTime') }),
    12: string('action'),
    13: one('related', objectReference),
    14: string('reportingComponent'),
    15: string('reportingInstance'),
  },
  'events.k8s.io/v1/Event': {
    1: one('metadata', objectMeta),
    2: one('eventTime', 'microTime'),
    3: one('series', { 1: one('count', 'int'), 2: one('lastObservedTime', 'microTime') }),
    4: string('reportingController'),
    5: string('reportingInstance'),
    6: string('action'),
    7: string('reason'),
    8: one('regarding', objectReference),
    9: one('related', objectReference),
    10: string('note'),
    11: string('type'),
    12: one('deprecatedSource', { 1: string('component'), 2: string('host') }),
    13: one('deprecatedFirstTimestamp', 'time'),
    14: one('deprecatedLastTimestamp', 'time'),
    15: one('deprecatedCount', 'int'),
  },
  'authorization.k8s.io/v1/SelfSubjectAccessReview': {
    1: one('metadata', objectMeta),
    2: one('spec', {
      1: one('resourceAttributes', {
        1: string('namespace'),
        2: string('verb'),
        3: string('group'),
        4: string('version'),
        5: string('resource'),
        6: string('subresource'),
        7: string('name'),
      }),
      2: one('nonResourceAttributes', { 1: string('path'), 2: string('verb') }),
    }),
  },
  'authorization.k8s.io/v1/SelfSubjectRulesReview': {
    1: one('metadata', objectMeta),
    2: one('spec', { 1: string('namespace') }),
  },
  'authentication.k8s.io/v1/SelfSubjectReview': { 1: one('metadata', objectMeta) },
};
const deleteOptions: Message = {
  1: one('gracePeriodSeconds', 'int'),
  2: one('preconditions', { 1: string('uid'), 2: string('resourceVersion') }),
  3: one('orphanDependents', 'bool'),
  4: string('propagationPolicy'),
  5: many('dryRun', 'string'),
};

const envelope: Message = {
  1: one('typeMeta', { 1: string('apiVersion'), 2: string('kind') }),
  2: one('raw', 'bytes'),
};

/** The object in the envelope; undefined when its kind is none that is known here. Throws ProtobufError for a damaged one. */
export function readKubernetesProtobuf(body: Buffer): JsonObject | undefined {
  if (!isProtobuf(body)) throw new ProtobufError('the body does not begin as Kubernetes protobuf does');
  const { typeMeta, raw } = readMessage(body.subarray(4), envelope) as { typeMeta?: JsonObject; raw?: string };
  const apiVersion = String(typeMeta?.['apiVersion'] ?? '');
  const kind = String(typeMeta?.['kind'] ?? '');
  const message = kind === 'DeleteOptions' ? deleteOptions : kinds[`${apiVersion}/${kind}`];
  if (message === undefined) return undefined;
  return { apiVersion, kind, ...readMessage(Buffer.from(raw ?? '', 'base64'), message) };
}
