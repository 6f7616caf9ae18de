// Lets Node run TypeScript as it is: `node --import ./tools/loader/register.mjs file.ts`.
import { register } from 'node:module';

process.setSourceMapsEnabled(true);
register('./hooks.mjs', import.meta.url);
