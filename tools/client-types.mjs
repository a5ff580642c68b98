/**
 * The types of `queuefold/client`, beside its modules in dist/. They are made of three files that import nothing of other
 * rooms' types, so programs need no types of our dependencies. `tsc` has checked the files already.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const FACE = ['index', 'open', 'types'];

mkdirSync('dist/client', { recursive: true });
for (const name of FACE) {
  const fileName = `src/client/${name}.ts`;
  const compilerOptions = { isolatedDeclarations: true, declaration: true, strict: true };
  const { outputText, diagnostics } = ts.transpileDeclaration(readFileSync(fileName, 'utf8'), {
    fileName,
    compilerOptions,
    reportDiagnostics: true,
  });
  for (const { messageText } of diagnostics ?? []) {
    process.stderr.write(`${fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}\n`);
    process.exitCode = 1;
  }
  writeFileSync(`dist/client/${name}.d.ts`, outputText);
}
