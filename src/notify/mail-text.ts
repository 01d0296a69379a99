// A matter as a mail: plain text, and the same as simple HTML. Everything that people wrote is escaped.

import type { Matter, MatterLinks, Moment } from './channel.ts';
import { visibleLine } from './visible.ts';
import { consoleOnlyWords, expiresAtMs, isApprovable, told } from './words.ts';

/** Longer ones are read in the console. */
const textCharsMax = 20_000;

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** `lender`: whose right the reader would answer in; null: their own. */
export function mailText(matter: Matter, moment: Moment, links: MatterLinks, lender: string | null = null): MailText {
  const words = told(matter, moment, textCharsMax);
  const only = consoleOnlyWords(matter, words);
  const answers: [string, string][] = [];
  if (isApprovable(matter, words) && links.approve !== null) answers.push(['Approve', links.approve]);
  if (words.outcome === null && links.deny !== null) answers.push(['Deny', links.deny]);
  const expires = words.outcome === null ? `Expires ${new Date(expiresAtMs(matter)).toUTCString()}.` : words.outcome;
  const note = answers.length === 0 ? '' : 'A link opens a page that asks once more; it works once.';
  const why: [string, string][] = [
    ...(moment === 'escalated' ? [['Escalated', 'nobody has answered, so you are asked as well'] as [string, string]] : []),
    ...(lender === null ? [] : [['In the right of', `${visibleLine(lender)}, who has lent it to you`] as [string, string]]),
  ];
  const facts = [...why, ...words.facts.filter(([, value]) => value !== '')];

  const text = [
    `${words.title} (${matter.id})`,
    ...(words.text === null ? [] : ['', quoted(words.text)]),
    ...(words.parameters === null ? [] : ['', quoted(words.parameters)]),
    ...(words.risks.length === 0 ? [] : ['', ...words.risks.map((risk) => `! ${risk}`)]),
    '',
    ...facts.map(([label, value]) => `${label}: ${value}`),
    '',
    ...(only === null ? [] : [only]),
    expires,
    '',
    ...answers.map(([label, url]) => `${label}: ${url}`),
    `In the console: ${links.console}`,
    ...(note === '' ? [] : ['', note]),
    '',
  ].join('\n');

  const pre = (it: string | null) =>
    it === null ? '' : `<pre style="white-space:pre-wrap;background:#f3f3f3;padding:12px;font-size:14px">${escapeHtml(it)}</pre>`;
  const link = (label: string, url: string) => `<a href="${escapeHtml(url)}" style="display:inline-block;padding:10px 18px">${label}</a>`;
  const html = [
    `<h2 style="font-size:18px">${escapeHtml(words.title)}</h2>`,
    pre(words.text),
    pre(words.parameters),
    ...words.risks.map((risk) => `<p><b>⚠ ${escapeHtml(risk)}</b></p>`),
    `<table>${facts.map(([label, value]) => `<tr><td style="padding-right:12px">${label}</td><td>${escapeHtml(value)}</td></tr>`).join('')}</table>`,
    only === null ? '' : `<p>${escapeHtml(only)}</p>`,
    `<p>${escapeHtml(expires)}</p>`,
    `<p>${[...answers, ['In the console', links.console] as const].map(([label, url]) => link(label, url)).join(' ')}</p>`,
    note === '' ? '' : `<p style="color:#666">${note} (${escapeHtml(matter.id)})</p>`,
  ].join('\n');
  return { subject: `[${matter.id}] ${words.title}`, text, html };
}

/** Marked line by line: a statement may have lines that look like ours, "Approve: https://…" above all. */
function quoted(text: string): string {
  return text.replace(/^/gm, '| ');
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
