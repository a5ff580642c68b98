import type { LogRecord } from '../../../src/log';
import type { QueuefoldProcess } from './pipeline-processes';

/** A thing that somebody with access to all of queuefold's output can see. */
export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

export const place = (name: string, bytes: string | Buffer): Place => ({ name, bytes: Buffer.from(bytes) });

/** @param which distinguishes runs of the same command */
export function outputsOf(which: string, one: QueuefoldProcess): readonly Place[] {
  return [place(`stdout of ${which} ${one.name}`, one.stdout()), place(`log of ${which} ${one.name}`, one.stderr())];
}

export function topicPlace(topic: string, records: readonly LogRecord[]): Place {
  const bytes = records.flatMap(({ key, value, headers }) => [key ?? '', value ?? '', JSON.stringify(headers)]);
  return place(`topic ${topic}`, Buffer.concat(bytes.map((part) => Buffer.from(part))));
}

/** The names of the places that contain one of these texts, in any case of letters. */
export function placesWith(texts: readonly string[], places: readonly Place[]): readonly string[] {
  const searchable = (bytes: string | Buffer) => Buffer.from(bytes).toString('latin1').toLowerCase();
  const wanted = texts.map(searchable);
  return places.flatMap(({ name, bytes }) => {
    const haystack = searchable(bytes);
    return wanted.some((text) => haystack.includes(text)) ? [name] : [];
  });
}
