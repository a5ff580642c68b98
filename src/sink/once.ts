export interface Once {
  arm(): void;
  /** Forgets every earlier `arm`. A call that is under way continues. */
  clear(): void;
}

/** Calls once, so long after the first `arm` since the last call began, and not before that call has ended. */
export function createOnce(call: () => Promise<void>, afterMs: number): Once {
  let timer: NodeJS.Timeout | undefined;
  let isCalling = false;
  let isWanted = false;

  const arm = (): void => {
    if (isCalling) isWanted = true;
    else timer ??= setTimeout(() => void run(), afterMs);
  };
  const clear = (): void => {
    clearTimeout(timer);
    timer = undefined;
    isWanted = false;
  };
  const run = async (): Promise<void> => {
    isCalling = true;
    clear();
    await call();
    isCalling = false;
    if (isWanted) arm();
  };
  return { arm, clear };
}
