/**
 * A terminal's screen as an SVG picture that follows the reader's theme: ANSI text on stdin, SVG on stdout.
 *   tmux capture-pane -p -e | node tools/terminal-picture.mjs "The live table" >docs/images/live-table.svg
 */
import { readFileSync } from 'node:fs';

const CELL = { width: 8.4, height: 18 };
const PADDING = 16;
const COLORS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** One line as runs of equal style. */
function runsOf(line) {
  const runs = [];
  let style = new Set();
  for (const part of line.split(/(\u001b\[[\d;]*m)/)) {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part);
    if (codes === null) {
      if (part !== '') runs.push({ text: part, style: [...style] });
      continue;
    }
    for (const code of codes[1].split(';').map(Number)) {
      if (code === 0) style = new Set();
      else if (code === 1) style.add('bold');
      else if (code === 2) style.add('dim');
      else if (code === 22) style = new Set([...style].filter((name) => name !== 'bold' && name !== 'dim'));
      else if (code === 39) style = new Set([...style].filter((name) => !COLORS.includes(name)));
      else if (code >= 30 && code <= 37) style.add(COLORS[code - 30]);
      else if (code >= 90 && code <= 97) style.add(COLORS[code - 90]);
    }
  }
  return runs;
}

const title = escaped(process.argv[2] ?? 'A terminal');
const lines = readFileSync(0, 'utf8').replace(/\s+$/, '').split('\n');
const plain = lines.map((line) => line.replaceAll(/\u001b\[[\d;]*m/g, ''));
const width = Math.max(...plain.map((line) => line.length)) * CELL.width + 2 * PADDING;
const height = lines.length * CELL.height + 2 * PADDING;
const rows = lines.map((line, index) => {
  const spans = runsOf(line).map(({ text, style }) => `<tspan class="${style.join(' ')}">${escaped(text)}</tspan>`);
  return `<text x="${PADDING}" y="${PADDING + CELL.height * (index + 0.75)}" xml:space="preserve">${spans.join('')}</text>`;
});
console.log(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" role="img" aria-label="${title}">
<style>
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #1f2328 }
rect { fill: #f6f8fa; stroke: #d0d7de }
.bold { font-weight: 700 } .dim { fill: #59636e } .red { fill: #cf222e } .green { fill: #116329 } .yellow { fill: #7d4e00 }
.blue { fill: #0550ae } .magenta { fill: #8250df } .cyan { fill: #1b7c83 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } rect { fill: #0d1117; stroke: #30363d }
.dim { fill: #9198a1 } .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 }
.blue { fill: #79c0ff } .magenta { fill: #d2a8ff } .cyan { fill: #76e3ea }
}
</style>
<rect x="0.5" y="0.5" width="${Math.ceil(width) - 1}" height="${height - 1}" rx="8"/>
${rows.join('\n')}
</svg>`);
