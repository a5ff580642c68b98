/** Events topic → state topic, exactly once. */
export { usableCpus } from './cpus';
export { startFoldRole } from './role';
export { adoptFold, startFold } from './start';
export { answerMain } from './thread';
export { type FoldThread, startFoldThreads } from './threads';
