import { createHash } from 'node:crypto';
import { apiVersionOf, type JsonObject } from '@weft/api';
import { type Catalog, type GroupVersion } from '../resources/catalog.ts';
import { pathsOf } from './paths.ts';
import { schemasOf } from './schemas.ts';
import { openApiV2 } from './v2.ts';
import { openApiV2Protobuf } from './v2-protobuf.ts';

export type Document = Readonly<{ text: string; hash: string }>;

/** The OpenAPI documents. Each is made when it is first asked for, and kept: kinds do not change while a process runs. */
export class OpenApi {
  readonly #catalog: Catalog;
  readonly #v3 = new Map<string, Document>();
  #v2: { text: string; protobuf: Buffer } | undefined;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
  }

  get v2(): Readonly<{ text: string; protobuf: Buffer }> {
    if (this.#v2 === undefined) {
      const document = openApiV2(this.#catalog.served);
      this.#v2 = { text: JSON.stringify(document), protobuf: openApiV2Protobuf(document) };
    }
    return this.#v2;
  }

  get v3Index(): JsonObject {
    const paths: JsonObject = {};
    for (const groupVersion of this.#catalog.groupVersions) {
      const path = pathOf(groupVersion);
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${this.#documentOf(groupVersion).hash}` };
    }
    return { paths };
  }

  /** `path` as the index names it; undefined when there is no such group version. */
  v3(path: string): Document | undefined {
    const groupVersion = this.#catalog.groupVersions.find((each) => pathOf(each) === path);
    return groupVersion === undefined ? undefined : this.#documentOf(groupVersion);
  }

  #documentOf(groupVersion: GroupVersion): Document {
    const path = pathOf(groupVersion);
    let document = this.#v3.get(path);
    if (document === undefined) {
      const { kinds } = groupVersion;
      const text = JSON.stringify({
        openapi: '3.0.0',
        info: { title: 'weft', version: 'v1' },
        paths: pathsOf(kinds),
        components: { schemas: schemasOf(kinds) },
      });
      document = { text, hash: createHash('sha256').update(text).digest('hex').slice(0, 32).toUpperCase() };
      this.#v3.set(path, document);
    }
    return document;
  }
}

/** `api/v1`, `apis/networking.ironcore.dev/v1alpha1`. */
function pathOf(groupVersion: GroupVersion): string {
  return groupVersion.group === '' ? `api/${groupVersion.version}` : `apis/${apiVersionOf(groupVersion)}`;
}
