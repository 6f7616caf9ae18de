/** Loaded when it is needed. By itself, the package could not be: a bundle gives what is CommonJS no names then. */
export { parseAllDocuments, stringify } from 'yaml';
