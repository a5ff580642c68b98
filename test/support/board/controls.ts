import type { Page } from 'playwright-core';

/**
 * A page's controls in its accessibility tree: everything that takes the focus, by role and name (for links, also their
 * targets). Names that depend on the data are left out, so that the list is always the same.
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
    // The browser itself makes the parts of a time field and the choices of a list.
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
