// The worker's side of large-texts.ts: one judge of its own, one text at a time. It knows no sessions.

import { parentPort } from 'node:worker_threads';
import type { Catalogue } from '../../../src/core/action.ts';
import { Judge } from './judge.ts';
import type { WorkAnswer, WorkRequest } from './large-texts.ts';
import { Parser } from './parser.ts';

const judge = new Judge(await Parser.create());
let catalogue: Catalogue | null = null;

parentPort?.on('message', (request: WorkRequest) => {
  if (request.catalogue !== undefined) catalogue = request.catalogue;
  const { classification } = judge.judge(request.text, { settings: request.settings, catalogue });
  const answer: WorkAnswer = { kind: 'classified', id: request.id, classification };
  parentPort?.postMessage(answer);
});

const started: WorkAnswer = { kind: 'started' };
parentPort?.postMessage(started);
