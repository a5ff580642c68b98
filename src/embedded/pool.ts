/**
 * The size of libuv's pool in a process that has the embedded ClickHouse open, which runs each query on one of its
 * threads (`UV_THREADPOOL_SIZE`, of which Node.js's own default is 4).
 */
export const POOL_THREADS = 16;
