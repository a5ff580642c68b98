import { z } from 'zod';
import { parseJson } from '../server/details';
import type { Answer, Route } from '../server/http';
import { FAULT_KINDS, FAULTS, isFaultKind } from './all-faults';
import { createFaultPlan, runFaultPlan, type PlannedFault } from './plan';
import type { Faults } from './running';

const Begin = z.looseObject({
  kind: z.enum(FAULT_KINDS),
  forMs: z.number().int().min(1).optional(),
  seed: z.number().int().min(0).optional(),
});
const Plan = z.strictObject({
  seed: z.number().int().min(0),
  minutes: z.number().positive(),
  slotSeconds: z.number().positive().optional(),
  kinds: z.array(z.enum(FAULT_KINDS)).min(1).optional(),
});

/** `/control/faults` and `/control/plan`, which need no token. */
export function faultRoutes(faults: Faults): { readonly routes: readonly Route[]; readonly stop: () => void } {
  let plan: readonly PlannedFault[] = [];
  let stopPlan = (): void => undefined;

  function begin(body: string): Answer {
    try {
      const { kind, forMs, seed, ...parameters } = Begin.parse(parseJson(body));
      faults.begin({ kind, forMs, seed, parameters });
      return { status: 200, body: faults.status() };
    } catch (error) {
      return refusal(error);
    }
  }

  function start(body: string): Answer {
    try {
      const { seed, minutes, slotSeconds, kinds } = Plan.parse(parseJson(body));
      const slotMs = slotSeconds === undefined ? undefined : slotSeconds * 1_000;
      stopPlan();
      plan = createFaultPlan({ seed, lengthMs: minutes * 60_000, slotMs, kinds });
      stopPlan = runFaultPlan(faults, plan, () => void (plan = []));
      return { status: 200, body: { plan } };
    } catch (error) {
      return refusal(error);
    }
  }

  function stop(): void {
    stopPlan();
    plan = [];
  }

  const kinds = Object.fromEntries(Object.entries(FAULTS).map(([kind, { what }]) => [kind, what]));
  const routes: readonly Route[] = [
    { method: 'GET', path: '/control/faults', handle: () => ({ status: 200, body: { ...faults.status(), kinds } }) },
    { method: 'POST', path: '/control/faults', handle: ({ body }) => begin(body) },
    {
      method: 'DELETE',
      path: '/control/faults',
      handle: () => {
        stop();
        faults.endAll();
        return { status: 200, body: faults.status() };
      },
    },
    {
      method: 'DELETE',
      path: '/control/faults/{kind}',
      handle: ({ parts: [kind = ''] }) => {
        if (!isFaultKind(kind))
          return { status: 404, body: { message: `no such fault: ${kind}`, allowed: FAULT_KINDS } };
        const wasActive = faults.end(kind);
        return { status: wasActive ? 200 : 404, body: faults.status() };
      },
    },
    { method: 'GET', path: '/control/plan', handle: () => ({ status: 200, body: { plan } }) },
    { method: 'POST', path: '/control/plan', handle: ({ body }) => start(body) },
    {
      method: 'DELETE',
      path: '/control/plan',
      handle: () => {
        stop();
        return { status: 200, body: { plan } };
      },
    },
  ];
  return { routes, stop };
}

function refusal(error: unknown): Answer {
  if (!(error instanceof z.ZodError)) throw error;
  return { status: 400, body: { message: z.prettifyError(error) } };
}
