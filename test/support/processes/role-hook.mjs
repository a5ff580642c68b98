/**
 * Loaded before queuefold into the processes of a chaos run. A process ends with the one that started it. With
 * CHAOS_STOP=assigned it stops itself (like SIGSTOP) between its first assignment and the fencing that follows.
 */
process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.unref();

if (process.env.CHAOS_STOP === 'assigned') {
  const write = process.stderr.write.bind(process.stderr);
  let stopped = false;
  process.stderr.write = (text, ...rest) => {
    const taken = write(text, ...rest);
    if (!stopped && /"partitions":\[\d.*"partitions assigned"/.test(String(text))) {
      stopped = true;
      process.kill(process.pid, 'SIGSTOP');
    }
    return taken;
  };
}
