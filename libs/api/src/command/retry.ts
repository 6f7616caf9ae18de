/**
 * What may be done after a failure. `safe`: certainly nothing was done, repeat at will; `unknown`: it may have been done, repeat with the same ids;
 * `no`: nothing was done, and a repeat would end the same way.
 */
export type Retry = 'safe' | 'unknown' | 'no';
