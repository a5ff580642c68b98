import { effect } from '@preact/signals';
import { render } from 'preact';
import './style.css';
import { Header, Help, Settings, startKeys, TimeBar } from './chrome';
import { Conversation } from './conversation';
import { openQueue, stale, startLive } from './live';
import { Overview } from './overview';
import { Queue } from './queue';
import { isWall, route } from './route';
import { startTravel, travelTo } from './travel';
import { Wall } from './wall';

function Board() {
  const where = route.value;
  const isGray = travelTo.value === null && stale.value !== null;
  return (
    <div class={isGray ? 'board gray' : 'board'}>
      <Header />
      {isWall ? (
        <Wall />
      ) : where.page === 'overview' ? (
        <Overview />
      ) : where.page === 'queue' ? (
        <Queue id={where.id} />
      ) : (
        <Conversation id={where.id} />
      )}
      {isWall ? null : <TimeBar />}
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
if (root !== null) {
  root.replaceChildren();
  render(<Board />, root);
}
