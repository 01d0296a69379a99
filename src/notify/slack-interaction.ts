// Button presses and forms that Slack posts: https://docs.slack.dev/interactivity. Slack wants an answer within three seconds;
// words for who pressed go out as a message that only they see. Whoever presses is judged as the gateway's own person.

import type { ChatDesk, Said } from '../core/chat-desk.ts';
import type { Log } from '../core/driver.ts';
import type { SlackApi } from './slack-api.ts';
import { recordOf } from './slack-api.ts';
import { escape, slackActions } from './slack-blocks.ts';
import type { Block } from './slack-blocks.ts';
import { fitsShapeForm, reasonIn, shapeChoiceIn, slackForms, slackReasonForm, slackShapeForm, subjectOf, wishIn } from './slack-forms.ts';
import type { FormSubject } from './slack-forms.ts';
import type { SlackPeople } from './slack-people.ts';
import type { SlackSignatures } from './slack-signature.ts';
import { visibleText } from './visible.ts';

/** A form has to be opened while Slack waits. */
const openTimeoutMs = 2_500;
const matterPattern = /^[hr]-[0-9A-Z]{1,20}$/;

export interface SlackRequest {
  readonly timestamp: string | undefined;
  readonly signature: string | undefined;
  /** As it came, byte for byte. */
  readonly body: string;
}

export interface SlackReply {
  readonly status: 200 | 401;
  /** JSON for Slack; null: nothing to say. */
  readonly body: object | null;
}

interface Parts {
  readonly api: SlackApi;
  readonly signatures: SlackSignatures;
  readonly people: SlackPeople;
  readonly log: Pick<Log, 'warn'>;
}

/** Who pressed, and where words for them go. */
interface Presser {
  readonly user: string;
  readonly team: string | null;
  readonly channel: string | null;
  readonly thread: string | null;
}

const done: SlackReply = { status: 200, body: null };

export class SlackInteractions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Never rejects. */
  async handle(request: SlackRequest, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply> {
    if (!this.#parts.signatures.check(request.timestamp, request.signature, request.body)) return { status: 401, body: null };
    const payload = payloadOf(request.body);
    switch (payload['type']) {
      case 'block_actions':
        await this.#pressed(payload, desk, signal);
        return done;
      case 'view_submission':
        return this.#submitted(payload, desk, signal);
      default:
        return done; // ssl_check, and what Slack may add
    }
  }

  async #pressed(payload: Readonly<Record<string, unknown>>, desk: ChatDesk, signal: AbortSignal): Promise<void> {
    const [action] = Array.isArray(payload['actions']) ? payload['actions'].map(recordOf) : [];
    const matter = textOf(action?.['value']);
    const presser = presserOf(payload);
    if (matter === null || !matterPattern.test(matter) || presser === null) return;
    switch (action?.['action_id']) {
      case slackActions.approve:
        return this.#answer(presser, { matter, answer: 'approve' }, desk, signal);
      case slackActions.deny:
        return this.#answer(presser, { matter, answer: 'deny' }, desk, signal);
      case slackActions.approveWithReason:
        return this.#open(presser, payload, slackReasonForm(this.#subject(presser, matter, 'approve'), 'Approve', true), matter, signal);
      case slackActions.denyWithReason:
        return this.#open(presser, payload, slackReasonForm(this.#subject(presser, matter, 'deny'), 'Deny', false), matter, signal);
      case slackActions.approveShape:
        return this.#askShape(presser, payload, matter, desk, signal);
      default: // "Open" is a link and asks for nothing here
    }
  }

  async #answer(
    presser: Presser,
    { matter, answer }: Pick<FormSubject, 'matter' | 'answer'>,
    desk: ChatDesk,
    signal: AbortSignal,
  ): Promise<void> {
    const who = await this.#parts.people.find(presser.user, presser.team, signal);
    const words = who.kind === 'nobody' ? who.why : (await desk.answer(who.name, matter, answer, null)).words;
    this.#say(presser, `${matter}: ${words}`, signal);
  }

  /** The shape is shown to those only who may see the hold. */
  async #askShape(
    presser: Presser,
    payload: Readonly<Record<string, unknown>>,
    matter: string,
    desk: ChatDesk,
    signal: AbortSignal,
  ): Promise<void> {
    const who = await this.#parts.people.find(presser.user, presser.team, signal);
    if (who.kind === 'nobody') return this.#say(presser, `${matter}: ${who.why}`, signal);
    const shape = desk.shapeOf(who.name, matter);
    if ('why' in shape) return this.#say(presser, `${matter}: ${shape.why}`, signal);
    if (!fitsShapeForm(shape))
      return this.#say(presser, `${matter}: its shape is too long to show here; approve it in the console`, signal);
    return this.#open(presser, payload, slackShapeForm(this.#subject(presser, matter, 'approve'), shape), matter, signal);
  }

  #subject({ channel }: Presser, matter: string, answer: 'approve' | 'deny'): FormSubject {
    return { matter, answer, channel };
  }

  async #open(
    presser: Presser,
    payload: Readonly<Record<string, unknown>>,
    view: Block,
    matter: string,
    signal: AbortSignal,
  ): Promise<void> {
    const opened = await this.#parts.api.call('views.open', { trigger_id: payload['trigger_id'], view }, signal, openTimeoutMs);
    if (opened.kind === 'failed')
      this.#say(presser, `${matter}: the form could not be opened (${opened.why}); answer in the console`, signal);
  }

  async #submitted(payload: Readonly<Record<string, unknown>>, desk: ChatDesk, signal: AbortSignal): Promise<SlackReply> {
    const view = recordOf(payload['view']);
    const subject = subjectOf(view);
    const presser = presserOf(payload);
    if (subject === null || presser === null) return done;
    const who = await this.#parts.people.find(presser.user, presser.team, signal);
    if (who.kind === 'nobody') return problem(who.why);
    const said = await submittedTo(desk, who.name, subject, view);
    if (said === null) return done;
    if (!said.isDone) return problem(said.words);
    const words = subject.matter === '' ? said.words : `${subject.matter}: ${said.words}`;
    this.#say({ ...presser, channel: subject.channel }, words, signal);
    return done;
  }

  /** Words that only this person sees. Not awaited: Slack is answered first. */
  #say({ user, channel, thread }: Presser, words: string, signal: AbortSignal): void {
    if (channel === null) return;
    const where = thread === null ? {} : { thread_ts: thread };
    void this.#parts.api.call('chat.postEphemeral', { channel, user, text: escape(visibleText(words)), ...where }, signal).then((said) => {
      if (said.kind === 'failed') this.#parts.log.warn({ why: said.why }, 'words for a person in Slack could not be sent');
    });
  }
}

/** What a form asks of the desk; null: it is none of ours. */
async function submittedTo(
  desk: ChatDesk,
  person: string,
  { matter, answer }: FormSubject,
  view: Readonly<Record<string, unknown>>,
): Promise<Said | null> {
  switch (view['callback_id']) {
    case slackForms.reason:
      return desk.answer(person, matter, answer, reasonIn(view));
    case slackForms.request:
      return desk.request(person, wishIn(view));
    case slackForms.shape: {
      const { durationMs, free } = shapeChoiceIn(view);
      return desk.approveShape(person, matter, durationMs, free, reasonIn(view));
    }
    default:
      return null;
  }
}

/** Words in the open form; it stays open. */
function problem(words: string): SlackReply {
  return { status: 200, body: { response_action: 'errors', errors: { reason: visibleText(words).slice(0, 1_000) } } };
}

/** The form field `payload` holds JSON. Signed, and still only data. */
function payloadOf(body: string): Readonly<Record<string, unknown>> {
  try {
    return recordOf(JSON.parse(new URLSearchParams(body).get('payload') ?? ''));
  } catch {
    return {};
  }
}

function presserOf(payload: Readonly<Record<string, unknown>>): Presser | null {
  const user = recordOf(payload['user']);
  const id = textOf(user['id']);
  if (id === null) return null;
  return {
    user: id,
    // In a shared channel the user's own workspace differs from the one that the app is installed in.
    team: textOf(user['team_id']) ?? textOf(recordOf(payload['team'])['id']),
    channel: textOf(recordOf(payload['channel'])['id']),
    thread: textOf(recordOf(payload['message'])['thread_ts']),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
