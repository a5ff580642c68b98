import type { Simulator } from '../../../src/simulator';
import type { Environment } from '../processes/role-process';

/** The settings with which a process connects to this organization. */
export function genesysSettings(simulator: Simulator): Environment {
  return {
    GENESYS_CLIENT_ID: simulator.clientId,
    GENESYS_CLIENT_SECRET: simulator.clientSecret,
    GENESYS_LOGIN_URL: simulator.loginUrl,
    GENESYS_API_URL: simulator.apiUrl,
  };
}
