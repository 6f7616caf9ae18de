/** The contexts, by their folders `libs/<context>` with a `<context>.domain.ts`. In code they are CONTEXTS of @weft/api; a test holds the two together. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const libs = join(dirname(import.meta.dirname), 'libs');

export const contexts = readdirSync(libs).filter((name) => existsSync(join(libs, name, 'src', `${name}.domain.ts`)));
