/** Options of list, watch and deletecollection (http-api 7, 8). */
import { type FieldError, forbidden, notSupported, type Position, positionOfVersion } from '@weft/api';
import { badRequest, invalidOptions } from '../http/failures.ts';
import type { Query } from '../http/query.ts';

export type ResourceVersionMatch = 'NotOlderThan' | 'Exact';

/** A resourceVersion that a client names. Absent `position`: none of ours has this form. */
export type AskedVersion = Readonly<{ version: string; position?: Position }>;

export type ListOptions = Readonly<{
  labelSelector: string;
  fieldSelector: string;
  /** Absent: the latest. */
  resourceVersion?: AskedVersion | 'any';
  match?: ResourceVersionMatch;
  /** 0: no limit. */
  limit: number;
  continue?: string;
}>;

export type WatchOptions = Readonly<{
  labelSelector: string;
  fieldSelector: string;
  resourceVersion?: AskedVersion | 'any';
  /** Absent: as before WatchList (8.4). */
  sendInitialEvents?: boolean;
  bookmarks: boolean;
  timeoutSeconds?: number;
}>;

export const isWatch = (query: Query) => query.flag('watch') === true;

export function listOptions(query: Query): ListOptions {
  const resourceVersion = versionOf(query);
  const match = query.text('resourceVersionMatch');
  const token = query.text('continue');
  const causes: FieldError[] = [];
  if (query.has('sendInitialEvents')) causes.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  if (match !== undefined) {
    if (resourceVersion === undefined)
      causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (token !== undefined) causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'));
    if (match !== 'Exact' && match !== 'NotOlderThan') causes.push(notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan']));
    else if (match === 'Exact' && resourceVersion === 'any')
      causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'));
  }
  if (causes.length > 0) throw invalidOptions('ListOptions', causes);
  if (token !== undefined && resourceVersion !== undefined && resourceVersion !== 'any')
    throw badRequest('specifying resource version is not allowed when using continue');
  return {
    labelSelector: query.text('labelSelector') ?? '',
    fieldSelector: query.text('fieldSelector') ?? '',
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(match === undefined ? {} : { match: match as ResourceVersionMatch }),
    limit: query.number('limit') ?? 0,
    ...(token === undefined ? {} : { continue: token }),
  };
}

export function watchOptions(query: Query): WatchOptions {
  const resourceVersion = versionOf(query);
  const match = query.text('resourceVersionMatch');
  const sendInitialEvents = query.flag('sendInitialEvents');
  const timeoutSeconds = query.number('timeoutSeconds');
  const causes: FieldError[] = [];
  if (sendInitialEvents === undefined) {
    if (match !== undefined)
      causes.push(forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'));
  } else if (match === undefined) {
    causes.push(forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'));
  } else if (match !== 'NotOlderThan') {
    causes.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
  }
  if (causes.length > 0) throw invalidOptions('ListOptions', causes);
  return {
    labelSelector: query.text('labelSelector') ?? '',
    fieldSelector: query.text('fieldSelector') ?? '',
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(sendInitialEvents === undefined ? {} : { sendInitialEvents }),
    bookmarks: query.flag('allowWatchBookmarks') === true,
    ...(timeoutSeconds === undefined || timeoutSeconds === 0 ? {} : { timeoutSeconds }),
  };
}

function versionOf(query: Query): AskedVersion | 'any' | undefined {
  const text = query.text('resourceVersion');
  if (text === undefined) return undefined;
  if (!/^\d{1,30}$/.test(text)) throw badRequest(`invalid resource version "${text}"`);
  return /^0+$/.test(text) ? 'any' : askedVersion(text);
}

/** Of a text of digits. */
export function askedVersion(version: string): AskedVersion {
  const position = positionOfVersion(version);
  return { version, ...(position !== undefined && { position }) };
}
