// A text is told by its form only when reading it without its literals would give that form: pairs of texts and forms that are made to
// be taken for one another, of both languages. A wrong hit would be one statement that is judged as another.

import t from 'tap';
import { formOf, KnownForms, type LiteralRules } from '../../policies/classify/known-forms.ts';
import { mysqlLiterals, withoutLiterals as withoutMysql } from '../../policies/classify/mysql/masked-literals.ts';
import { postgresLiterals, withoutLiterals as withoutPostgres } from '../../policies/classify/postgres/masked-literals.ts';
import type { Action } from '../../src/core/action.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { statementOf } from '../support/statements.ts';

/** What may stand in a text: most of it ends literals, goes on with them, or makes something else of them; split at tabs. */
const ordinary = [
  String.raw`SELECT 	 FROM t1 	 WHERE a = 	"t0"."c"	id7	, 	,	(	)	 IN (	 AND 	+	-	 - 	;	 	1	42	007	2147483647	2147483648	9999999999`,
  String.raw`'a'	''	'it''s'	1.25	'ü'	 in (1, 2,3 )	 IN ('x' , 'y', 'z')	 ORDER BY 	/* a */	'float'	(1, 2, 3)	NULL	::text	'1 day'`,
].flatMap((line) => line.split('\t'));
const strange = [
  String.raw`.	12345678901234567890	0	1.5	0x1f	1e5	5_0	7a	--	/*	's'	'0'	'	"	\	E'b'	N'c'	'a"b'	'a\b'	'é'	é	$1	$$	#	${'`x`'}	1.	.5	1.5.2`,
  String.raw` order  by c, 	 GROUP BY 	' group by '	', 1'	'(2'	 DISTINCT ON (	'distinct on'	'by 3'	 by 	::float(	'floaty'	pg_input_is_valid	'pg_input'`,
  String.raw`@v	{	}	[1]	*/	/	*	&	&'x'	!	%	|	<	>	 in (	 IN  ( 	 not in (	f.in (	f . in (	f. /* a */ in (	"in"(	join(	('a','b')	1, 1.5	1, 'a'`,
  String.raw`/**/	/* order by */	/* x, 1 */	/* float */	/* /* */	/* in ( */	/* ' */	/* é */	1..2	"ü"	'\\'	E'\\'	3/* b */4	4*/* c */5	/*/	/*/*/`,
]
  .flatMap((line) => line.split('\t'))
  .concat('\n', '\t', '\v', '/*\n*/', "'\u{1F600}'", "'\ud83d'", "'\ude00'", '\u00a0', "'\u00a0'", "'\u2028'", "'\x7f'");
const pieces = [...ordinary, ...strange];
const literals = pieces
  .filter((it) => /^['\d]/.test(it))
  .concat(["'a''''b'", '1234567890123456789', '12345678901234567891', "'x\ty'"], ['5, 6,7', "'p', 'q'", "'', ''", '/* z */', '8.5,9.25']);
const beginning = 'SELECT "id", "name" FROM "people" ';

function actionOf(text: string, key = 'm'): Action {
  return statementOf(text, { key, settings: { client_encoding: 'UTF8', standard_conforming_strings: 'on' }, catalogue: null });
}

const languages: readonly [string, LiteralRules, (text: string) => string | null][] = [
  ['postgres', postgresLiterals, withoutPostgres],
  ['mysql', mysqlLiterals, withoutMysql],
];

for (const [language, rules, mask] of languages) {
  t.test(`${language}: a text is of a form only when reading says so, and its JSON is its own`, (t) => {
    const seed = 20261122;
    const below = seededRandom(seed);
    const some = (all: readonly string[]) => all[below(all.length)] as string;
    const made = () => beginning + Array.from({ length: 1 + below(7) }, () => some(below(4) === 0 ? strange : ordinary)).join('');
    let told = 0;
    let missed = 0;
    for (let round = 0; round < 60_000; round += 1) {
      const base = made();
      const masked = mask(base);
      if (masked === null) continue;
      const forms = new KnownForms(rules);
      forms.add('m', formOf(masked, rules));
      for (const text of [base, masked, ...variantsOf(masked, rules, some), broken(base, below, some), broken(masked, below, some)]) {
        const action = actionOf(text);
        const found = forms.find(action);
        const read = mask(text);
        if (found === undefined) {
          if (read === masked) missed += 1;
          continue;
        }
        told += 1;
        if (read !== masked || action.textJson !== JSON.stringify(text)) {
          t.same([read, action.textJson], [masked, JSON.stringify(text)], `seed ${seed}: ${text}`);
          return t.end();
        }
      }
    }
    t.ok(told > 20_000, `${told} texts were told`);
    t.equal(missed, 0, 'and of each that it says');
    t.end();
  });

  t.test(`${language}: forms with one beginning are told apart, and there are not too many of them`, (t) => {
    const forms = new KnownForms(rules);
    const formOfText = (text: string) => formOf(mask(text) as string, rules);
    const found = (text: string, key = 'm') => forms.find(actionOf(text, key))?.masked;
    const short = formOfText(`${beginning}WHERE id = 1`);
    const long = formOfText(`${beginning}WHERE id = 1 AND name = 'x'`);
    forms.add('m', short);
    forms.add('m', long);
    t.equal(found(`${beginning}WHERE id = 77`), short.masked);
    t.equal(found(`${beginning}WHERE id = 77 AND name = 'yy'`), long.masked);
    t.equal(found(`${beginning}WHERE id = 77 AND name = 8`), undefined);
    t.equal(found(`${beginning}WHERE id = 77 AND name = 'yy' OR true`), undefined);
    t.equal(found(`${beginning}WHERE id = 77`, 'another mode'), undefined);
    for (let index = 0; index < 40; index += 1) forms.add('m', formOfText(`${beginning}WHERE c${'x'.repeat(index)} = 1`));
    t.equal(found(`${beginning}WHERE id = 77`), undefined, 'the oldest made room');
    t.equal(found(`${beginning}WHERE c${'x'.repeat(39)} = 77`), formOfText(`${beginning}WHERE c${'x'.repeat(39)} = 1`).masked);
    forms.add('m', formOfText('SELECT 1'));
    t.equal(found('SELECT 2'), undefined, 'its beginning is too short to be found by');
    t.end();
  });
}

/** The form with other literals in the places of its own. */
function variantsOf(masked: string, rules: LiteralRules, some: (all: readonly string[]) => string): string[] {
  const places = rules.literalsOf(masked);
  return Array.from({ length: 4 }, () => {
    let text = '';
    let from = 0;
    for (const { start, end } of places) {
      text += masked.slice(from, start) + some(literals);
      from = end;
    }
    return text + masked.slice(from);
  });
}

/** With a few characters taken out, or something put in. */
function broken(text: string, below: (count: number) => number, some: (all: readonly string[]) => string): string {
  const at = beginning.length + below(text.length - beginning.length + 1);
  return text.slice(0, at) + (below(2) === 0 ? some(pieces) : '') + text.slice(at + below(3));
}
