// Run by jvm.test.ts in a process of its own, to be killed. Arguments: folder, program, its arguments.
import { startJvm } from '../../../src/embedded/jvm';

const [, , dir = '', java = '', ...args] = process.argv;
void startJvm({ dir, name: 'held', java, args }).then(({ pid }) => console.log(pid));
