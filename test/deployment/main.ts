import { join } from 'node:path';
import { packageRoot } from '../../src/common';
import { chromiumPath } from '../support/deployment/chromium';
import { ContainerEngine } from '../support/deployment/container-engine';
import { failureOf, mainOfProject, PROMETHEUS } from '../support/deployment/project';

mainOfProject('deployment', [
  { ...PROMETHEUS, what: 'rules and metrics', tests: '/test/deployment/monitoring/' },
  {
    what: 'chart and linters',
    remedy: 'They need Linux on x64, Python 3 with pip, and the registries of npm and Python',
    tests: '/test/deployment/(chart|dockerfile)',
    lack: () => failureOf(join(packageRoot(), 'test', 'tools', 'install'), []),
  },
  {
    what: 'consumers',
    remedy: 'They need Python 3 with venv, Java 17 and Maven, and the registries of both',
    tests: '/test/deployment/consume\\.',
    lack: () => failureOf('sh', ['-c', 'python3 -c "import venv, ensurepip" && java -version && mvn -version']),
  },
  {
    what: 'the board in a browser',
    remedy: 'It needs Java 17, Maven and Chromium: apt-get install chromium on Debian; elsewhere, set CHROMIUM_PATH',
    tests: '/test/deployment/board/',
    lack: async () =>
      chromiumPath() === undefined ? 'no Chromium' : failureOf('sh', ['-c', 'java -version && mvn -version']),
  },
  {
    what: 'images',
    remedy: 'Debian: apt-get install --no-install-recommends podman runc',
    tests: '/test/deployment/image\\.',
    lack: async () => {
      const found = await ContainerEngine.find();
      if (!(found instanceof ContainerEngine)) return found.join('; ');
      await found.dispose();
      return undefined;
    },
  },
]);
