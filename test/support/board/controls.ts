import type { Page } from 'playwright-core';

/**
 * The controls of a page as its accessibility tree has them: everything that takes the focus, by role and name (of
 * links: where they lead). Names of what the page shows are left out, so that the list is the same whatever it shows.
 */
export async function controlsOf(page: Page): Promise<readonly string[]> {
  const session = await page.context().newCDPSession(page);
  const { nodes } = await session.send('Accessibility.getFullAXTree');
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const found = new Set<string>();
  for (const node of nodes) {
    const role = String(node.role?.value ?? '');
    const isFocusable = node.properties?.some(({ name, value }) => name === 'focusable' && value.value === true);
    const parents: string[] = [];
    for (let parent = byId.get(node.parentId ?? ''); parent !== undefined; parent = byId.get(parent.parentId ?? '')) {
      parents.push(String(parent.role?.value ?? ''));
    }
    // The parts of a field for times, and the choices of a list, are the browser's own.
    const isPart = parents.some((of) => /^(DateTime|Date|InputTime|combobox|ComboBoxMenuButton)$/.test(of));
    if (node.ignored || isFocusable !== true || isPart || /^(RootWebArea|dialog)$/.test(role)) continue;
    const href = role === 'link' ? await hrefOf(node.backendDOMNodeId) : null;
    found.add(href === null ? `${role} ${nameWithout(String(node.name?.value ?? ''))}` : `link ${href}`);
  }
  await session.detach();
  return [...found].toSorted();

  async function hrefOf(backendNodeId: number | undefined): Promise<string> {
    const { object } = await session.send('DOM.resolveNode', { backendNodeId: backendNodeId ?? 0 });
    const { result } = await session.send('Runtime.callFunctionOn', {
      objectId: object.objectId ?? '',
      functionDeclaration: 'function () { return this.getAttribute("href"); }',
      returnByValue: true,
    });
    return String(result.value).replace(/^(#\/\w+)\/.*/, '$1/…');
  }
}

const nameWithout = (name: string): string =>
  name.replace(/^Pin .*/, 'Pin …').replace(/^(?:\w+ \d+, \d+, )?\d+:\d\d:\d\d.*/, '(an instant)');
