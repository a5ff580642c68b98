import { replaceExports } from '../internals';

interface Address {
  readonly host: string;
  readonly port: number;
}
interface PoolBuilder {
  build(address?: Partial<Address>): Promise<unknown>;
}
type CreatePoolBuilder = (options: { readonly brokers: readonly string[] }) => PoolBuilder;

/**
 * R14: kafkajs splits the address of a bootstrap broker at its first colon: `[::1]:9092` becomes the host `[`. (kafkajs
 * issue 1589.) Repair: split at the last colon, and remove the brackets. kafkajs does not split the addresses that
 * brokers advertise.
 */
export function repairIpv6Brokers(): void {
  replaceExports<CreatePoolBuilder>('cluster/connectionPoolBuilder', (stock) => (options) => {
    const { brokers } = options;
    const builder = stock(options);
    let turn = 0;
    return {
      build(address = {}) {
        if (address.host !== undefined && address.host !== '') return builder.build(address);
        return builder.build(addressOf(brokers[turn++ % brokers.length] ?? ''));
      },
    };
  });
}

/** @param broker `host:port`, an IPv6 address in brackets */
export function addressOf(broker: string): Address {
  const colon = broker.lastIndexOf(':');
  return { host: broker.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(broker.slice(colon + 1)) };
}
