export { derivedId, newId } from './identity.ts';
