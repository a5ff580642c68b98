import { mainOfProject, PROMETHEUS } from '../support/deployment/project';

mainOfProject('system', [{ ...PROMETHEUS, what: 'drills', tests: '/test/system/drills/' }]);
