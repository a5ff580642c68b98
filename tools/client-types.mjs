/**
 * The types of `queuefold/client`, beside its modules in dist/. They are made of the client's three files and of the columns,
 * which import nothing else, so programs need no types of our dependencies. `tsc` has checked the files already.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import ts from 'typescript';

const COLUMNS = 'conversation/columns';
const FILES = ['client/index', 'client/open', 'client/types', COLUMNS];

mkdirSync('dist/client', { recursive: true });
mkdirSync('dist/conversation', { recursive: true });
for (const name of FILES) {
  const fileName = `src/${name}.ts`;
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
  writeFileSync(`dist/${name}.d.ts`, outputText.replace("'../conversation'", `'../${COLUMNS}'`));
}
