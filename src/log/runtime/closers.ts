/** Everything that must close together with a log. An entry that ends earlier is forgotten. */
export class Closers {
  readonly #closers = new Set<() => Promise<void>>();

  /** A process reads and writes names again and again, so an entry that has ended must not stay in memory. */
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

  /** Closes all entries at once. Each promise shows the result of one. */
  closeAll(): readonly Promise<void>[] {
    return [...this.#closers].map((close) => close());
  }
}
