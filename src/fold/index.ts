/** Events topic → state topic, exactly once. */
export { startFoldRole } from './role';
export { startFold } from './start';
