/** The arrays of communications in a participant, in the order of the specification's section 2. */
const PRIMARY = [
  ['calls', 'Voice'],
  ['callbacks', 'Callback'],
  ['chats', 'Chat'],
  ['emails', 'Email'],
  ['messages', 'Message'],
] as const;

/** Media without a value in the table's list. They count only in a conversation without any primary communication. */
const SECONDARY = [
  ['cobrowsesessions', 'Cobrowse'],
  ['screenshares', 'ScreenShare'],
  ['socialExpressions', 'SocialExpression'],
  ['videos', 'Video'],
  ['internalMessages', 'InternalMessage'],
  ['screenMonitorings', 'ScreenMonitoring'],
] as const;

export const MEDIA: readonly (readonly [array: string, medium: string])[] = [...PRIMARY, ...SECONDARY];

const ORDER: ReadonlyMap<string, number> = new Map(MEDIA.map(([, medium], index) => [medium, index]));

/** The place of a medium's array among the arrays. A medium of a later version of this program comes last. */
export function mediumOrder(medium: string): number {
  return ORDER.get(medium) ?? ORDER.size;
}

export function isPrimary(medium: string): boolean {
  return mediumOrder(medium) < PRIMARY.length;
}
