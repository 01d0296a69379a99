// A JUnit file by the rules of its schema (the junit-10.xsd that build servers check against) and of XML 1.0, read strictly: what is
// not plainly right is a fault. The counts of suites and of the whole must be those of what stands in them.

export interface JunitElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: JunitElement[];
  text: string;
}

type Kind = 'text' | 'count' | 'seconds';

interface ElementRule {
  readonly required: Readonly<Record<string, Kind>>;
  readonly optional: Readonly<Record<string, Kind>>;
  readonly children: readonly string[];
}

const suiteCounts = { failures: 'count', errors: 'count', time: 'seconds' } as const;
const outcome: ElementRule = { required: {}, optional: { message: 'text', type: 'text' }, children: [] };
const rules: Readonly<Record<string, ElementRule>> = {
  testsuites: { required: {}, optional: { name: 'text', tests: 'count', disabled: 'count', ...suiteCounts }, children: ['testsuite'] },
  testsuite: {
    required: { name: 'text', tests: 'count' },
    optional: { ...suiteCounts, skipped: 'count', disabled: 'count', timestamp: 'text', hostname: 'text', id: 'text', package: 'text' },
    children: ['testcase', 'system-out', 'system-err', 'properties'],
  },
  testcase: {
    required: { name: 'text' },
    optional: { classname: 'text', time: 'seconds', assertions: 'text', status: 'text' },
    children: ['skipped', 'error', 'failure', 'system-out', 'system-err'],
  },
  failure: outcome,
  error: outcome,
};
const kinds: Readonly<Record<Kind, RegExp>> = { text: /^/, count: /^\d+$/, seconds: /^\d+(\.\d+)?$/ };

/** XML 1.0, section 2.2: the characters that a document may hold. */
const allowed = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The root element. Throws at the first thing that is not well-formed or against the rules. */
export function readJunit(xml: string): JunitElement {
  if (!allowed.test(xml)) throw new Error('a character that XML 1.0 has not');
  const [declaration = ''] = /^<\?xml version="1\.0" encoding="UTF-8"\?>\n/.exec(xml) ?? [];
  if (declaration === '') throw new Error('no XML declaration');
  const document: JunitElement = { tag: '', attributes: {}, children: [], text: '' };
  const open = [document];
  for (const [piece, text, end, tag, attributes, empty] of xml
    .slice(declaration.length)
    .matchAll(/([^<]+)|<\/([\w-]+)>|<([\w-]+)((?: [\w-]+="[^"<]*")*)(\/?)>|[\s\S]/g)) {
    const parent = open.at(-1)!;
    if (text !== undefined) parent.text += decoded(text);
    else if (end !== undefined) {
      if (open.pop()!.tag !== end) throw new Error(`</${end}> closes what is not open`);
    } else if (tag !== undefined) {
      const element = { tag, attributes: attributesOf(attributes ?? ''), children: [], text: '' };
      parent.children.push(element);
      if (empty === '') open.push(element);
    } else throw new Error(`not well-formed at ${JSON.stringify(piece)}`);
  }
  const [root] = document.children;
  if (root?.tag !== 'testsuites' || open.length !== 1 || document.children.length !== 1) throw new Error('not one <testsuites>');
  checkElement(root);
  checkCounts(root);
  return root;
}

function attributesOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, name = '', value = '']): [string, string] => [name, decoded(value)]);
  if (new Set(pairs.map(([name]) => name)).size !== pairs.length) throw new Error('an attribute twice');
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  return text.replaceAll(/&(\w*)(;?)/g, (whole, name: string, end: string) => {
    if (end === '' || !Object.hasOwn(entities, name)) throw new Error(`not an entity: ${whole}`);
    return entities[name]!;
  });
}

function checkElement({ tag, attributes, children }: JunitElement): void {
  const rule = rules[tag];
  if (rule === undefined) throw new Error(`<${tag}> is not expected`);
  for (const name of Object.keys(rule.required)) if (attributes[name] === undefined) throw new Error(`<${tag}> has no ${name}`);
  for (const [name, value] of Object.entries(attributes)) {
    const kind = rule.required[name] ?? rule.optional[name];
    if (kind === undefined || !kinds[kind].test(value)) throw new Error(`<${tag} ${name}="${value}"> is against the schema`);
  }
  for (const child of children) {
    if (!rule.children.includes(child.tag)) throw new Error(`<${child.tag}> does not stand in <${tag}>`);
    checkElement(child);
  }
}

function checkCounts(root: JunitElement): void {
  const counted = (of: JunitElement, tag: string): number =>
    of.children.reduce((sum, child) => sum + counted(child, tag) + (child.tag === tag ? 1 : 0), 0);
  for (const element of [root, ...root.children]) {
    for (const [name, tag] of [
      ['tests', 'testcase'],
      ['failures', 'failure'],
      ['errors', 'error'],
    ] as const) {
      const [said, found] = [Number(element.attributes[name]), counted(element, tag)];
      if (said !== found) throw new Error(`<${element.tag}> says ${name}="${said}", and there are ${found}`);
    }
  }
}
