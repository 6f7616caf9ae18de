/** Manifests in files and directories: YAML, of several documents, or JSON. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from './exit-codes.ts';

const ENDINGS = /\.(ya?ml|json)$/;

/** Of a directory all files that end in .yaml, .yml or .json, by name; not those of directories in it. */
export async function manifestsIn(paths: readonly string[]): Promise<readonly object[]> {
  const { parseAllDocuments } = await import('./yaml.ts');
  return paths.flatMap(filesOf).flatMap((file) =>
    [...parseAllDocuments(textOf(file), { version: '1.1', prettyErrors: false })].flatMap((document) => {
      const [error] = document.errors ?? [];
      if (error !== undefined) throw new CommandError(`${file}: ${error.message}`);
      const value: unknown = document.toJSON();
      if (value === null || value === undefined) return [];
      if (typeof value !== 'object' || Array.isArray(value)) throw new CommandError(`${file} holds something that is no manifest`);
      return [value];
    }),
  );
}

function filesOf(path: string): readonly string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => ENDINGS.test(name))
      .sort()
      .map((name) => join(path, name));
  } catch (error) {
    throw new CommandError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CommandError(`${file} cannot be read: ${(error as Error).message}`);
  }
}
