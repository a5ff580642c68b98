import { z } from 'zod';
import type { Organisation } from '../organisation';
import type { Random } from '../random';
import type { Access } from '../server/access';
import type { Channels } from '../server/channels';
import type { Delivery } from '../server/delivery';
import type { Meddling } from '../server/meddling';
import type { Sockets } from '../server/sockets';
import type { Objects } from '../server/topics';

/** The places of the organization where something can go wrong. */
export interface Levers {
  readonly organisation: Organisation;
  readonly sockets: Sockets;
  readonly channels: Channels;
  readonly access: Access;
  readonly requests: Meddling;
  readonly delivery: Delivery;
  /** Adds objections to topics, beside the organization's own; null: none. */
  readonly object: (objects: Objects | null) => void;
  /** How far the clock in answers is wrong. */
  readonly skewClock: (byMs: number) => void;
  readonly closingNoticeMs: number;
}

export interface Occasion {
  readonly levers: Levers;
  readonly random: Random;
  /** Counts the things that it has hit: requests, frames, sockets, … */
  hit(count?: number): void;
}

/** Ends a fault. */
export type End = () => void;

export interface Fault {
  /** A description, for people. */
  readonly what: string;
  /**
   * @param parameters as in JSON
   * @returns null: it has happened and needs no end
   * @throws ZodError for parameters that it does not have
   */
  begin(occasion: Occasion, parameters: unknown): End | null;
}

export function fault<S extends z.ZodRawShape>(
  what: string,
  shape: S,
  begin: (occasion: Occasion, parameters: z.output<z.ZodObject<S>>) => End | null,
): Fault {
  const schema = z.strictObject(shape);
  return { what, begin: (occasion, parameters) => begin(occasion, schema.parse(parameters)) };
}

/** The share of possible targets that it hits, chosen at random from the fault's seed. */
export const share = z.number().gt(0).max(1).default(1);
export const times = z.number().int().min(1).max(1_000);
export const milliseconds = z.number().int().min(0);
