/** Events topic → state topic, exactly once. */
export { startFoldRole } from './role';
export { adoptFold, startFold } from './start';
