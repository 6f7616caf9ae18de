export { createIpamService, IPAM_SERVICE } from './ipam-svc.ts';
