import type { Random } from '../random';
import type { Scene, Script } from '../scene';
import { abandonedCallback, callback } from './callback';
import { chat, email, message, reopenedMessage, waitsForDays } from './digital';
import {
  abandonedCall,
  answeredCall,
  callBackToSameAgent,
  callToVoicemail,
  callToWorkflow,
  consultedCall,
  consultedOutside,
  outboundCall,
  supervisedCall,
  transferredCall,
} from './voice';

/** The relative frequency of each. */
const SCENARIOS: readonly (readonly [parts: number, play: (scene: Scene) => Script])[] = [
  [8, abandonedCall],
  [16, answeredCall],
  [7, transferredCall],
  [5, callBackToSameAgent],
  [6, consultedCall],
  [4, consultedOutside],
  [6, supervisedCall],
  [3, callToVoicemail],
  [2, callToWorkflow],
  [2, outboundCall],
  [11, callback],
  [1, abandonedCallback],
  [9, chat],
  [9, email],
  [9, message],
  [6, reopenedMessage],
  [1, waitsForDays],
];
const ALL_PARTS = SCENARIOS.reduce((sum, [parts]) => sum + parts, 0);

export function drawScenario(random: Random): (scene: Scene) => Script {
  let draw = random.integer(1, ALL_PARTS);
  for (const [parts, play] of SCENARIOS) {
    draw -= parts;
    if (draw <= 0) return play;
  }
  return answeredCall;
}
