import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHART, chartReadme, chartSchema, chartSettingsText } from '../support/deployment/chart-files';

/** `npm run chart`: writes what of the chart follows from the program and from values.yaml. */
const files = {
  'settings.yaml': chartSettingsText(),
  'values.schema.json': `${JSON.stringify(chartSchema(), null, 2)}\n`,
  'README.md': chartReadme(),
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(CHART, name), text);
