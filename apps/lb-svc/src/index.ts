export { createLbService, LB_SERVICE } from './lb-svc.ts';
