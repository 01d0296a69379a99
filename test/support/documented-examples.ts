// The policy examples of a page: YAML blocks that are policies, lists of rules or tests of policies, each with a name that says
// where it stands.

export interface DocumentedExample {
  /** "docs/policies.md, Cookbook, office": page, heading, and the policy, first rule or first case. */
  readonly name: string;
  readonly text: string;
}

/** In the order of the page. Blocks that are something else (a gateway's configuration) are left out. */
export function readExamples(page: string, markdown: string): DocumentedExample[] {
  const examples: DocumentedExample[] = [];
  let heading = '';
  for (const [, title, text] of markdown.matchAll(/^#+ (.*)$|^```yaml\n([\s\S]*?)^```$/gm)) {
    if (title !== undefined) heading = title;
    if (text === undefined || !/^(policy:|- id:|people:|# yaml-language-server)/.test(text)) continue;
    const [, first] = /^(?:policy: |- id: | {2}- name: )(.*)$/m.exec(text) ?? [];
    examples.push({ name: `${page}, ${heading}, ${first ?? '?'}`, text });
  }
  return examples;
}
