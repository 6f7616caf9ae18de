/** Schemas that all kinds share, in OpenAPI v3's terms. Named as upstream names them. */
import type { JsonObject } from '@weft/api';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const OBJECT_META = `${META}.ObjectMeta`;
export const LIST_META = `${META}.ListMeta`;
export const STATUS = `${META}.Status`;
export const DELETE_OPTIONS = `${META}.DeleteOptions`;

const text = (description: string): JsonObject => ({ type: 'string', description });
const time = (description: string): JsonObject => ({ type: 'string', format: 'date-time', description });
const number = (description: string): JsonObject => ({ type: 'integer', format: 'int64', description });
const flag = (description: string): JsonObject => ({ type: 'boolean', description });
const texts = (description: string): JsonObject => ({ type: 'array', items: { type: 'string' }, description });
const map = (description: string): JsonObject => ({ type: 'object', additionalProperties: { type: 'string' }, description });

const ownerReference: JsonObject = {
  type: 'object',
  description: 'An object that this one depends on and goes with.',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  properties: {
    apiVersion: text('Group and version of the owner.'),
    kind: text('Kind of the owner.'),
    name: text('Name of the owner.'),
    uid: text('Incarnation of the owner.'),
    controller: flag('Whether the owner is the managing controller; at most one is.'),
    blockOwnerDeletion: flag('Whether the owner waits for this object when it is deleted in the foreground.'),
  },
};

const managedFields: JsonObject = {
  type: 'object',
  description: 'The fields of one manager.',
  properties: {
    manager: text('The name that it gave.'),
    operation: text('Apply, or Update for every other write.'),
    apiVersion: text('The version in which the fields are named.'),
    time: time('When its fields changed last.'),
    fieldsType: text('FieldsV1'),
    fieldsV1: { type: 'object', description: 'The set of its fields.' },
    subresource: text('The part that it wrote: status, or the rest when left out.'),
  },
};

export const metaSchemas: Readonly<Record<string, JsonObject>> = {
  [OBJECT_META]: {
    type: 'object',
    description: 'What every object carries: its identity, labels and life cycle.',
    properties: {
      name: text('Unique within a namespace and kind. Cannot be changed.'),
      generateName: text('Prefix of a name that the server makes unique; used when no name is given.'),
      namespace: text('The namespace that the object lives in. Cannot be changed.'),
      uid: text('Identifies this incarnation of the name. Set by the server.'),
      resourceVersion: text(
        'Position of the last change of this object in the log, and eight digits that tell which log. Opaque to clients.',
      ),
      generation: number('Counts the changes of the desired state. Set by the server.'),
      creationTimestamp: time('When the object was created. Set by the server.'),
      deletionTimestamp: time('When deletion was asked for. Set by the server.'),
      deletionGracePeriodSeconds: number('Seconds until the object may go once deletion was asked for. Set by the server.'),
      labels: map('Names by which objects are selected.'),
      annotations: map('Data of tools. Not used for selection.'),
      finalizers: { ...texts('Who still has something to do before the object may go.'), 'x-kubernetes-list-type': 'set' },
      ownerReferences: {
        type: 'array',
        description: 'Objects that this one depends on.',
        items: ownerReference,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['uid'],
      },
      managedFields: {
        type: 'array',
        description: 'Who manages which fields. Set by the server.',
        items: managedFields,
        'x-kubernetes-list-type': 'atomic',
      },
      selfLink: text('Not used.'),
    },
  },
  [LIST_META]: {
    type: 'object',
    description: 'What every list carries.',
    properties: {
      resourceVersion: text('Where in the log the list stands, in the form of those of its objects. A watch from here misses nothing.'),
      continue: text('Set when there is more: asks for the next page.'),
      remainingItemCount: number('How many objects are on the pages that follow, where known.'),
      selfLink: text('Not used.'),
    },
  },
  [STATUS]: {
    type: 'object',
    description: 'The outcome of a request that does not return an object.',
    properties: {
      apiVersion: text('v1'),
      kind: text('Status'),
      metadata: { type: 'object', description: 'As in a list.' },
      status: text('Success or Failure.'),
      message: text('What happened, for people.'),
      reason: text('What happened, in one word, for programs.'),
      code: { type: 'integer', format: 'int32', description: 'The HTTP status code.' },
      details: { type: 'object', description: 'What it was about, and the causes.' },
    },
  },
  [DELETE_OPTIONS]: {
    type: 'object',
    description: 'How to delete.',
    properties: {
      apiVersion: text('v1'),
      kind: text('DeleteOptions'),
      dryRun: texts('All: do everything but the deletion.'),
      gracePeriodSeconds: number('Not used: nothing here has a grace period.'),
      orphanDependents: flag('Older form of propagationPolicy.'),
      propagationPolicy: text('What becomes of dependents: Background, Foreground or Orphan.'),
      preconditions: {
        type: 'object',
        description: 'What must hold for the deletion to be carried out.',
        properties: { uid: text('The incarnation meant.'), resourceVersion: text('The version meant.') },
      },
    },
  },
};
