import { effect } from '@preact/signals';
import { render } from 'preact';
import './style.css';
import { Conversation } from './conversation';
import { Help, Settings } from './dialogs';
import { Announcer, Header } from './header';
import { startKeys } from './keys';
import { inNextTask, openQueue, stale, startLive } from './live';
import { Overview } from './overview';
import { Queue } from './queue';
import { isWall, route } from './route';
import { TimeBar } from './timebar';
import { startTravel, travelTo } from './travel';
import { Wall } from './wall';

function Board() {
  const where = route.value;
  const isGray = travelTo.value === null && stale.value !== null;
  return (
    <div class={isGray ? 'board gray' : 'board'}>
      {isWall ? (
        <Wall />
      ) : (
        <>
          <Header />
          {where.page === 'overview' ? (
            <Overview />
          ) : where.page === 'queue' ? (
            <Queue key={where.id} id={where.id} />
          ) : (
            <Conversation key={where.id} id={where.id} />
          )}
          <TimeBar />
        </>
      )}
      <Announcer />
      <Help />
      <Settings />
    </div>
  );
}

effect(() => {
  openQueue.value = route.value.page === 'queue' ? route.value.id : null;
});
startLive();
startTravel();
startKeys();
const root = document.getElementById('board');
// In a task of its own, because loading the module has already taken long enough.
if (root !== null)
  inNextTask(() => {
    root.replaceChildren();
    render(<Board />, root);
  });
