// Forms (modals) in Slack, and what comes back of them: a reason for an answer, a request for access, the shape of a statement for
// a while. https://docs.slack.dev/surfaces/modals. What a form carries along is signed by Slack with the rest when it comes back.

import type { ChatShape, ChatWish } from '../core/chat-desk.ts';
import { duration } from '../core/words.ts';
import { recordOf } from './slack-api.ts';
import { escape, preformatted, section } from './slack-blocks.ts';
import type { Block } from './slack-blocks.ts';
import { shortened, visibleLine, visibleText } from './visible.ts';

export const slackForms = { reason: 'sallyport.answer', request: 'sallyport.request', shape: 'sallyport.shape' } as const;
const matterPattern = /^[hr]-[0-9A-Z]{1,20}$/;
const reasonCharsMax = 1_000;
const titleCharsMax = 150;
/** Slack's own limits. */
const optionsMax = 100;
const checkboxesMax = 10;
const optionCharsMax = 75;
const shapeCharsMax = 2_900;
const minutes = 60_000;
const requestTimesMs = [15 * minutes, 30 * minutes, 60 * minutes, 120 * minutes, 240 * minutes, 480 * minutes, 1_440 * minutes];
const shapeTimesMs = [5 * minutes, 15 * minutes, 30 * minutes, 60 * minutes, 240 * minutes, 480 * minutes];

/** What a form was opened for. */
export interface FormSubject {
  /** "" for a request that is made by the form. */
  readonly matter: string;
  readonly answer: 'approve' | 'deny';
  /** Where words for the person go. */
  readonly channel: string | null;
}

export function slackReasonForm(subject: FormSubject, title: string, isNeeded: boolean): Block {
  const verb = subject.answer === 'approve' ? 'Approve' : 'Deny';
  return modal(slackForms.reason, verb, verb, subject, [
    section(escape(shortened(`${title} (${subject.matter})`, titleCharsMax))),
    reasonInput(isNeeded, 'Shown to the person, and kept in the audit log.'),
  ]);
}

export function slackRequestForm(targets: readonly string[], channel: string | null): Block {
  const choice = targets.length > 0 && targets.length <= optionsMax && targets.every((it) => it.length <= optionCharsMax);
  return modal(slackForms.request, 'Ask for access', 'Ask', { matter: '', answer: 'approve', channel }, [
    input('target', 'Target', choice ? select(targets.map((it) => option(it, it))) : { type: 'plain_text_input', max_length: 200 }),
    input('time', 'For how long', select(requestTimesMs.map(timeOption))),
    input('scope', 'Less than everything', { type: 'checkboxes', options: [option('Read only', 'read-only')] }, true),
    input('role', 'Role or account', { type: 'plain_text_input', max_length: 200 }, true),
    reasonInput(true, 'Those who answer read it, and it is kept in the audit log.'),
  ]);
}

export function slackShapeForm(subject: FormSubject, { words, values, durationMsMax }: ChatShape): Block {
  const times = [...shapeTimesMs.filter((ms) => ms < durationMsMax), durationMsMax];
  const holes = values.slice(0, checkboxesMax);
  const left = values.length - holes.length;
  return modal(slackForms.shape, 'Approve for a while', 'Approve', subject, [
    section('This statement now, and every one of this shape by the same person on the same target, without being asked again:'),
    preformatted(visibleText(words)),
    input('time', 'For how long', select(times.map(timeOption))),
    ...(holes.length === 0
      ? []
      : [
          input(
            'free',
            'Values that may differ',
            {
              type: 'checkboxes',
              options: holes.map((value, index) => option(`‹${index + 1}›, now ${visibleLine(value, 40)}`, String(index + 1))),
            },
            true,
          ),
        ]),
    ...(left === 0 ? [] : [section(`The other ${left} values stay as they are; the console can free them as well.`)]),
    reasonInput(false, 'Shown to the person, and kept in the audit log.'),
  ]);
}

/** Can the form show all of it? Nobody approves a shape that he has seen in part. */
export function fitsShapeForm({ words }: ChatShape): boolean {
  return visibleText(words).length <= shapeCharsMax;
}

/** What a form was opened for; null when it is none of ours. */
export function subjectOf(view: Readonly<Record<string, unknown>>): FormSubject | null {
  try {
    const { matter, answer, channel } = recordOf(JSON.parse(String(view['private_metadata'])));
    if (typeof matter !== 'string' || (answer !== 'approve' && answer !== 'deny')) return null;
    if (view['callback_id'] === slackForms.request ? matter !== '' : !matterPattern.test(matter)) return null;
    return { matter, answer, channel: typeof channel === 'string' && channel !== '' ? channel : null };
  } catch {
    return null;
  }
}

/** A reason as it was typed; null: none. */
export function reasonIn(view: Readonly<Record<string, unknown>>): string | null {
  return textIn(view, 'reason');
}

export function wishIn(view: Readonly<Record<string, unknown>>): ChatWish {
  return {
    target: chosenIn(view, 'target') ?? textIn(view, 'target') ?? '',
    durationMs: timeIn(view),
    reason: reasonIn(view) ?? '',
    role: textIn(view, 'role'),
    readOnly: checkedIn(view, 'scope').includes('read-only'),
    tables: null,
    isBreakGlass: false,
  };
}

export function shapeChoiceIn(view: Readonly<Record<string, unknown>>): { readonly durationMs: number; readonly free: readonly number[] } {
  return { durationMs: timeIn(view), free: checkedIn(view, 'free').map(Number) };
}

function timeIn(view: Readonly<Record<string, unknown>>): number {
  const ms = Number(chosenIn(view, 'time'));
  return Number.isSafeInteger(ms) && ms > 0 ? ms : 0;
}

/** The state of one input: every block has one element, and both have one name. */
function elementIn(view: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const element = name === 'reason' ? 'text' : name;
  return recordOf(recordOf(recordOf(recordOf(view['state'])['values'])[name])[element]);
}

function textIn(view: Readonly<Record<string, unknown>>, name: string): string | null {
  const { value } = elementIn(view, name);
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function chosenIn(view: Readonly<Record<string, unknown>>, name: string): string | null {
  const { value } = recordOf(elementIn(view, name)['selected_option']);
  return typeof value === 'string' ? value : null;
}

function checkedIn(view: Readonly<Record<string, unknown>>, name: string): string[] {
  const chosen = elementIn(view, name)['selected_options'];
  return (Array.isArray(chosen) ? chosen : []).map((it) => String(recordOf(it)['value']));
}

function modal(callback: string, title: string, submit: string, subject: FormSubject, blocks: readonly Block[]): Block {
  return {
    type: 'modal',
    callback_id: callback,
    private_metadata: JSON.stringify(subject),
    title: plain(title),
    submit: plain(submit),
    close: plain('Cancel'),
    blocks,
  };
}

function reasonInput(isNeeded: boolean, hint: string): Block {
  const element = { type: 'plain_text_input', action_id: 'text', multiline: true, max_length: reasonCharsMax };
  return { type: 'input', block_id: 'reason', optional: !isNeeded, label: plain('Reason'), hint: plain(hint), element };
}

function input(name: string, label: string, element: Block, optional = false): Block {
  return { type: 'input', block_id: name, optional, label: plain(label), element: { ...element, action_id: name } };
}

function select(options: readonly Block[]): Block {
  return { type: 'static_select', options };
}

function timeOption(ms: number): Block {
  return option(duration(ms), String(ms));
}

function option(text: string, value: string): Block {
  return { text: plain(shortened(visibleLine(text), optionCharsMax)), value };
}

function plain(text: string): Block {
  return { type: 'plain_text', text, emoji: false };
}
