// Redirections: writing over a file needs no program at all, and bash opens network connections by file name.

import type { Redirection } from 'unbash';
import type { Span } from '../../../src/core/classification.ts';
import { harmlessFiles } from './call.ts';
import type { ProgramFindings } from './findings.ts';
import type { NetworkPaths } from './network-paths.ts';
import { argumentOf } from './words.ts';

export function redirect(node: Redirection, span: Span, found: ProgramFindings, paths: NetworkPaths): void {
  if (node.type !== 'Redirect') return; // the text of a here-document; what reads it is judged with it
  const { operator } = node;
  const target = node.target === undefined ? null : argumentOf(node.target, span);
  const path = target?.text ?? null;
  if ((operator === '>&' || operator === '<&') && path !== null && /^(?:\d+-?|-)$/.test(path)) return; // another descriptor
  if (target !== null && /^\/dev\/(?:tcp|udp)(?:\/|$)/.test(target.prefix)) {
    found.effect('network', 'unknown', 'address', path === null ? null : path.split('/').slice(3).join(':'));
    return found.risk(span, 'opens a network connection');
  }
  if (operator === '<' && path === null && node.target !== undefined && paths.mayConnect(node.target)) {
    found.effect('network', 'unknown', 'address', null);
    return found.risk(span, 'what it reads may be a network connection');
  }
  if (operator === '<' || operator === '<&') return found.effect('file-read', 'read', 'file', path);
  if (path !== null && (harmlessFiles.has(path) || /^\/dev\/fd\/[0-2]$/.test(path))) return;
  found.effect('file-write', 'write', 'file', path);
  found.risk(span, operator === '>>' || operator === '&>>' ? 'appends to a file' : 'writes over a file');
}
