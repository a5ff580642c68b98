import { z } from 'zod';
import type { Organisation } from '../organisation';
import { parseJson } from './details';
import type { Handler } from './http';

const Change = z.strictObject({
  /** Names. */
  add: z.array(z.string().min(1)).default([]),
  /** New names by id. */
  rename: z.record(z.string(), z.string().min(1)).default({}),
  /** Ids. */
  remove: z.array(z.string()).default([]),
  /** The fate of the conversations in removed queues. */
  conversations: z.enum(['go-on', 'disconnect']).default('go-on'),
});

/** `POST /control/queues`: adds, renames and removes queues. The answer lists the present ones. */
export function queueControl(organisation: Organisation): Handler {
  return ({ body }) => {
    const change = Change.safeParse(parseJson(body));
    if (!change.success) return { status: 400, body: { message: z.prettifyError(change.error) } };
    const { add, rename, remove, conversations } = change.data;
    const unknown = [...Object.keys(rename), ...remove].filter(
      (id) => !organisation.queues.some((queue) => queue.id === id),
    );
    if (unknown.length > 0) return { status: 404, body: { message: `no such queues: ${unknown.join(', ')}` } };
    if (new Set(remove).size >= organisation.queues.length + add.length) {
      return { status: 400, body: { message: 'the last queue cannot be removed; add another first' } };
    }
    const added = add.map((name) => organisation.addQueue(name));
    for (const [id, name] of Object.entries(rename)) organisation.renameQueue(id, name);
    for (const id of new Set(remove)) organisation.removeQueue(id, conversations);
    return { status: 200, body: { added, queues: organisation.queues } };
  };
}
