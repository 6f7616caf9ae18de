import type { FastifyInstance } from 'fastify';

/**
 * Where a server answers, from its own routes: `/weft/v1/diff` stands for all below it. Without what the catalog tells, and `/`. Must be called before
 * routes are made; what it returns fills with them.
 */
export function servedPaths(fastify: FastifyInstance): ReadonlySet<string> {
  const paths = new Set<string>();
  fastify.addHook('onRoute', ({ url }) => {
    const [path = ''] = url.split(/\/[:*]/);
    if (path !== '' && path !== '/' && !/^\/apis?(\/|$)/.test(path)) paths.add(path);
  });
  return paths;
}
