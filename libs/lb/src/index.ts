export { lbDomain } from './lb.domain.ts';
