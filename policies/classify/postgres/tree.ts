// The shape of libpg-query's JSON tree, and the few accessors that everything else here reads it with. A node in a general
// position is wrapped ({"SelectStmt": {…}}); where the grammar knows the type it is bare ({"relname": …}).

export interface Tree {
  readonly [field: string]: unknown;
}

/** A statement as the parser cuts it: byte offsets, a missing length means "to the end". */
export interface RawStatement {
  readonly stmt: Tree;
  readonly stmt_location?: number;
  readonly stmt_len?: number;
}

export interface Node {
  readonly type: string;
  readonly body: Tree;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Unwraps {"Type": {…}}; null for anything else. */
export function nodeOf(value: unknown): Node | null {
  if (!isTree(value)) return null;
  let type: string | null = null;
  for (const key in value) {
    if (type !== null) return null;
    type = key;
  }
  if (type === null) return null;
  const first = type.charCodeAt(0);
  if (first < 65 || first > 90) return null;
  const body = value[type];
  return isTree(body) ? { type, body } : null;
}

export function treeAt(tree: Tree, field: string): Tree | null {
  const value = tree[field];
  return isTree(value) ? value : null;
}

export function listAt(tree: Tree, field: string): readonly unknown[] {
  const value = tree[field];
  return Array.isArray(value) ? value : [];
}

/** A string field; protobuf JSON leaves out empty ones. */
export function textAt(tree: Tree, field: string): string {
  const value = tree[field];
  return typeof value === 'string' ? value : '';
}

export function flagAt(tree: Tree, field: string): boolean {
  return tree[field] === true;
}

export function numberAt(tree: Tree, field: string): number {
  const value = tree[field];
  return typeof value === 'number' ? value : 0;
}

/** Byte offset of a node, or null where the parser has none. */
export function locationOf(tree: Tree): number | null {
  const value = tree['location'];
  if (value === undefined) return 0;
  return typeof value === 'number' && value >= 0 ? value : null;
}

/** The text of {"String": {…}}; null for anything else. */
export function nameAt(item: unknown): string | null {
  const name = isTree(item) ? item['String'] : undefined;
  return isTree(name) ? textAt(name, 'sval') : null;
}

/** Whether a dotted name list ends in a star. */
export function isStarAt(list: readonly unknown[]): boolean {
  const last = list[list.length - 1];
  return isTree(last) && last['A_Star'] !== undefined;
}

/** The names of a dotted name list ([{"String": {"sval": "a"}}, …]); null when a part is not a plain name. */
export function namesOf(list: readonly unknown[]): string[] | null {
  const names: string[] = [];
  for (const item of list) {
    const name = nameAt(item);
    if (name === null) return null;
    names.push(name);
  }
  return names;
}

/** Text of a constant (string, number, boolean), null when it is NULL or no constant. */
export function constantOf(value: unknown): string | null {
  const node = nodeOf(value);
  if (node === null) return null;
  const { type, body } = node;
  if (type === 'String') return textAt(body, 'sval');
  if (type === 'Integer') return String(numberAt(body, 'ival'));
  if (type === 'Float') return textAt(body, 'fval');
  if (type === 'Boolean') return flagAt(body, 'boolval') ? 'true' : 'false';
  if (type !== 'A_Const') return null;
  const string = treeAt(body, 'sval');
  if (string !== null) return textAt(string, 'sval');
  const integer = treeAt(body, 'ival');
  if (integer !== null) return String(numberAt(integer, 'ival'));
  const float = treeAt(body, 'fval');
  if (float !== null) return textAt(float, 'fval');
  const boolean = treeAt(body, 'boolval');
  if (boolean !== null) return flagAt(boolean, 'boolval') ? 'true' : 'false';
  return null;
}
