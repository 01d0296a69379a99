// The API's own OpenAPI document, and calls that are checked against it.

import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Test } from 'tap';

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>;
  readonly security?: readonly object[];
}

export interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

/** Calls a route as somebody: headers that sign in, method, path behind the base, JSON body. */
export type Call = <T = unknown>(as: Record<string, string>, method: string, path: string, body?: object) => Promise<Answer<T>>;

export interface DocumentedApi {
  readonly document: Document;
  readonly operations: readonly DocumentedOperation[];
  /** Fails the test when the answer is not what the document says. */
  readonly call: Call;
  /** "METHOD path" of routes that were called with success. */
  readonly used: ReadonlySet<string>;
}

export async function documentedApi(t: Test, http: string): Promise<DocumentedApi> {
  const document = (await (await fetch(`${http}/api/v1/openapi.json`)).json()) as Document;
  const operations = operationsOf(document);
  const check = checker(document);
  const used = new Set<string>();
  const call = async <T = unknown>(as: Record<string, string>, method: string, path: string, body?: object): Promise<Answer<T>> => {
    const response = await fetch(`${http}${/^\/(health|ready)z/.test(path) ? '' : '/api/v1'}${path}`, {
      method,
      headers: { ...as, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T, headers: response.headers };
    const { pathname } = new URL(response.url);
    // The route with the fewest parameters is the one that was meant: /people/list before /people/{name}.
    const [found] = operations
      .filter((it) => it.method === method && it.pattern.test(pathname))
      .sort((one, other) => one.path.split('{').length - other.path.split('{').length);
    if (found === undefined) throw new Error(`${method} ${path} is not in the document`);
    const wrong = check(found, response.status, (response.headers.get('content-type') ?? '').split(';')[0] ?? '', answer.body);
    if (wrong !== null) t.fail(`${method} ${path} answered ${response.status} other than documented: ${wrong}`, { body: text });
    if (response.ok) used.add(`${method} ${found.path}`);
    return answer;
  };
  return { document, operations, call, used };
}

export interface DocumentedOperation {
  readonly method: string;
  readonly path: string;
  readonly pattern: RegExp;
  readonly operation: Operation;
}

function operationsOf({ paths }: Document): DocumentedOperation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      operation,
    })),
  );
}

/** Answers what is wrong with an answer, or null. Throws when a schema of the document is none. */
export function checker(document: Document) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'document', components: document.components });
  const compile = (schema: object) =>
    ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')) as object);
  for (const schema of Object.values(document.components.schemas)) compile(schema);
  return ({ operation }: DocumentedOperation, status: number, type: string, body: unknown): string | null => {
    const documented = operation.responses[String(status)] ?? operation.responses[`${Math.floor(status / 100)}XX`];
    if (documented === undefined) return 'the status is not documented';
    if (status === 204) return body === null ? null : 'a body came with 204';
    const schema = documented.content?.[type]?.schema;
    if (schema === undefined) return `content type ${type} is not documented`;
    const validate = compile(schema);
    return validate(body) ? null : ajv.errorsText(validate.errors);
  };
}
