/** The recorder: it writes notifications of Genesys into files that `replay` reads. */
export { recordingNames } from './recording-names';
export { recordMinimised, recordRaw } from './recording-line';
export { openRecordingFiles, openRecordingStream, type RecordingTarget, type Rotation } from './target';
export { startRecordingWriter } from './writer';
