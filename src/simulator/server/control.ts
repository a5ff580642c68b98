import type { Organisation } from '../organisation';
import type { Access } from './access';
import type { Answer, Route } from './http';
import type { Breaches } from './limits';
import type { Player } from './play';
import { queueControl } from './queue-control';
import type { Sockets } from './sockets';

export interface ControlOptions {
  readonly organisation: Organisation;
  readonly access: Access;
  readonly breaches: Breaches;
  readonly player: Player;
  readonly sockets: Sockets;
}

/** Routes that watch and control the organization, without a token. */
export function controlRoutes({ organisation, access, breaches, player, sockets }: ControlOptions): readonly Route[] {
  const controls: ReadonlyMap<string, () => void> = new Map(
    Object.entries({
      pause: () => player.pause(),
      resume: () => player.resume(),
      'drop-sockets': () => sockets.drop(),
      'close-sockets': () => sockets.announceClosing(1_000),
      'mute-sockets': () => sockets.mute(),
      'revoke-tokens': () => access.revokeTokens(),
    }),
  );

  function control(name: string): Answer {
    const action = controls.get(name);
    if (!action) return { status: 404, body: { allowed: [...controls.keys()] } };
    action();
    return { status: 200, body: { events: organisation.truth().events, paused: player.isPaused } };
  }

  const truth = (): unknown => ({
    ...organisation.truth(),
    visits: organisation.conversations().flatMap(({ id }) => organisation.visitsOf(id)),
  });

  return [
    { method: 'GET', path: '/truth', handle: () => ({ status: 200, body: truth() }) },
    { method: 'GET', path: '/control/limits', handle: () => ({ status: 200, body: breaches }) },
    { method: 'POST', path: '/control/queues', handle: queueControl(organisation) },
    { method: 'POST', path: '/control/{name}', handle: ({ parts: [name = ''] }) => control(name) },
  ];
}
