// Reads a parsed file by the schema and says what is wrong in words, with the nearest known word.

import * as z from 'zod';
import { patternWords, policyDocument } from './document.ts';
import type { PolicyDocument } from './document.ts';
import { didYouMean } from './nearest.ts';
import type { Path, Source } from './source.ts';

type Issue = z.core.$ZodIssue;

/** The document, or null when it does not fit; then the source has the problems. */
export function readDocument(source: Source): PolicyDocument | null {
  return readDocumentBy(policyDocument, source, 'a policy has at least "policy" and "rules"');
}

/** The same for another shape of file; `needs` says what such a file has. */
export function readDocumentBy<Schema extends z.ZodType>(schema: Schema, source: Source, needs: string): z.infer<Schema> | null {
  if (source.problems.length > 0) return null;
  if (source.value === null || source.value === undefined) {
    source.problem([], `the file is empty: ${needs}`);
    return null;
  }
  const read = schema.safeParse(source.value);
  if (read.success) return read.data;
  for (const issue of read.error.issues) report(schema, source, issue, issue.path as Path);
  return null;
}

function report(schema: z.ZodType, source: Source, issue: Issue, path: Path): void {
  switch (issue.code) {
    case 'unrecognized_keys':
      for (const key of issue.keys) {
        const known = keysAt(schema, path);
        const hint = didYouMean(key, known) || ` (known here: ${known.join(', ')})`;
        source.problemAtKey(path, key, `unknown key "${key}"${hint}`);
      }
      return;
    case 'invalid_key':
      source.problemAtKey(path.slice(0, -1), String(path.at(-1)), `"${String(path.at(-1))}" is not a name: ${keyWords(issue.issues)}`);
      return;
    case 'invalid_union': {
      // The branch that got past its own type is the one that was meant.
      const meant = issue.errors.find((branch) => !branch.some((it) => it.path.length === 0));
      if (meant === undefined) source.problem(path, `expected ${unionWords(issue.errors)}${gotWords(source, path)}`);
      else for (const inner of meant) report(schema, source, inner, [...path, ...(inner.path as Path)]);
      return;
    }
    default:
      source.problem(path, `${whereWords(path)}${issueWords(source, issue, path)}`);
  }
}

function issueWords(source: Source, issue: Issue, path: Path): string {
  switch (issue.code) {
    case 'invalid_value':
      return unknownWord(valueAt(source.value, path), issue.values.map(String));
    case 'invalid_type':
      return valueAt(source.value, path) === undefined ? 'missing' : `expected ${typeWords(issue.expected)}${gotWords(source, path)}`;
    case 'too_small':
      return issue.origin === 'array'
        ? 'the list is empty'
        : issue.origin === 'string'
          ? 'the text is empty'
          : `smaller than ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `longer than ${issue.maximum} ${issue.origin === 'array' ? 'entries' : 'characters'}`
        : `larger than ${issue.maximum}`;
    case 'invalid_format':
      return `"${String(valueAt(source.value, path))}" is not ${patternWords.get(String(issue.pattern)) ?? 'in the right form'}`;
    default:
      return issue.message;
  }
}

/** 'unknown word "dorp" (did you mean "drop"?)' */
function unknownWord(word: unknown, known: readonly string[]): string {
  if (typeof word !== 'string') return `expected one of ${known.join(', ')}`;
  return `unknown word "${word}"${didYouMean(word, known) || ` (known here: ${known.join(', ')})`}`;
}

function keyWords(issues: readonly Issue[]): string {
  const pattern = issues.find((issue) => issue.code === 'invalid_format');
  return (pattern !== undefined && 'pattern' in pattern ? patternWords.get(String(pattern.pattern)) : undefined) ?? 'it is empty';
}

function unionWords(branches: readonly (readonly Issue[])[]): string {
  const words = branches.flatMap((branch) =>
    branch.map((issue) =>
      issue.code === 'invalid_type' ? typeWords(issue.expected) : issue.code === 'invalid_value' ? issue.values.join(' or ') : '',
    ),
  );
  return [...new Set(words.filter((word) => word !== ''))].join(' or ');
}

function typeWords(expected: string): string {
  const words: Record<string, string> = {
    array: 'a list',
    object: 'a mapping',
    record: 'a mapping',
    string: 'a text',
    boolean: 'true or false',
    int: 'a whole number',
    number: 'a number',
  };
  return words[expected] ?? expected;
}

function gotWords(source: Source, path: Path): string {
  const value = valueAt(source.value, path);
  if (value === null) return ', found nothing';
  if (Array.isArray(value)) return ', found a list';
  return typeof value === 'object' ? ', found a mapping' : `, found ${JSON.stringify(value)}`;
}

function whereWords(path: Path): string {
  const key = path.findLast((part) => typeof part === 'string');
  return key === undefined ? '' : `${key}: `;
}

function valueAt(value: unknown, path: Path): unknown {
  let at: unknown = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/** The keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: Path): string[] {
  let at: z.ZodType = schema;
  for (const part of path) {
    const inner = bare(at);
    if (inner instanceof z.ZodObject) at = (inner.shape as Record<string, z.ZodType>)[String(part)] ?? z.never();
    else if (inner instanceof z.ZodRecord) at = inner.valueType as z.ZodType;
    else if (inner instanceof z.ZodArray) at = inner.element as z.ZodType;
    else return [];
  }
  const inner = bare(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape as object) : [];
}

function bare(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema;
}
