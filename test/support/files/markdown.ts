export interface Link {
  /** Empty: the document itself. */
  readonly file: string;
  readonly anchor: string | null;
}

/** The links in a Markdown text to other files of the repository, and within the text. */
export function relativeLinks(markdown: string): readonly Link[] {
  const text = markdown.replace(/^```[^]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [file = '', anchor = null] = target.split('#');
      return { file, anchor };
    });
}
