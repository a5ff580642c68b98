/** What has to be closed with a log, each forgotten when it has ended before. */
export class Closers {
  readonly #closers = new Set<() => Promise<void>>();

  /** Names are read, and written, for ever and ever: what has ended must not stay in memory. */
  closing<T extends { stop(): Promise<void>; readonly done: Promise<void> }>(running: T): T {
    const stop = (): Promise<void> => running.stop();
    const forget = (): void => this.forget(stop);
    this.add(stop);
    running.done.then(forget, forget);
    return running;
  }

  add(close: () => Promise<void>): void {
    this.#closers.add(close);
  }

  forget(close: () => Promise<void>): void {
    this.#closers.delete(close);
  }

  /** Closes all at once. Each tells by its own promise how it went. */
  closeAll(): readonly Promise<void>[] {
    return [...this.#closers].map((close) => close());
  }
}
