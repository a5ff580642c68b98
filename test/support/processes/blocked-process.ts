import { pino } from 'pino';
import { createMetrics, startOpsHttp } from '../../../src/ops';

/** Serves health, prints its address, and after the first answer keeps the event loop busy forever. */
void startOpsHttp({
  host: '127.0.0.1',
  port: 0,
  registry: createMetrics().served(['fold']),
  ready: {},
  logger: pino({ level: 'silent' }),
  routes: {
    '/block': {
      methods: ['POST'],
      handle: () => {
        setTimeout(() => {
          for (;;);
        }, 50);
        return Promise.resolve({ status: 200, contentType: 'text/plain', body: '' });
      },
    },
  },
}).then(({ url }) => process.stdout.write(`${url}\n`));
