// Button presses and forms that Slack posts: https://docs.slack.dev/interactivity. Slack wants an answer within three seconds;
// words for who pressed go out as a message that only they see. Whoever presses is judged as the gateway's own person.

import type { Log } from '../core/driver.ts';
import type { SlackApi } from './slack-api.ts';
import { recordOf } from './slack-api.ts';
import { escape, reasonBlock, reasonInput, slackActions, slackForm, slackReasonForm } from './slack-blocks.ts';
import type { SlackForm } from './slack-blocks.ts';
import type { SlackPeople } from './slack-people.ts';
import type { SlackSignatures } from './slack-signature.ts';

/** A form has to be opened while Slack waits. */
const openTimeoutMs = 2_500;
const reasonCharsMax = 1_000;
const matterPattern = /^[hr]-[0-9A-Z]{1,20}$/;

/** Gives one person's answer; `words` say what came of it. */
export type GiveAnswer = (
  person: string,
  matter: string,
  answer: 'approve' | 'deny',
  reason: string | null,
) => Promise<{ readonly isTaken: boolean; readonly words: string }>;

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
  async handle(request: SlackRequest, give: GiveAnswer, signal: AbortSignal): Promise<SlackReply> {
    if (!this.#parts.signatures.check(request.timestamp, request.signature, request.body)) return { status: 401, body: null };
    const payload = payloadOf(request.body);
    switch (payload['type']) {
      case 'block_actions':
        await this.#pressed(payload, give, signal);
        return done;
      case 'view_submission':
        return this.#submitted(payload, give, signal);
      default:
        return done; // ssl_check, and what Slack may add
    }
  }

  async #pressed(payload: Readonly<Record<string, unknown>>, give: GiveAnswer, signal: AbortSignal): Promise<void> {
    const [action] = Array.isArray(payload['actions']) ? payload['actions'].map(recordOf) : [];
    const matter = textOf(action?.['value']);
    const presser = presserOf(payload);
    if (matter === null || !matterPattern.test(matter) || presser === null) return;
    switch (action?.['action_id']) {
      case slackActions.approve:
        return this.#answer(presser, { matter, answer: 'approve' }, give, signal);
      case slackActions.deny:
        return this.#answer(presser, { matter, answer: 'deny' }, give, signal);
      case slackActions.approveWithReason:
        return this.#askReason(presser, payload, { matter, answer: 'approve' }, signal);
      case slackActions.denyWithReason:
        return this.#askReason(presser, payload, { matter, answer: 'deny' }, signal);
      default: // "Open" is a link and asks for nothing here
    }
  }

  async #answer(presser: Presser, form: SlackForm, give: GiveAnswer, signal: AbortSignal): Promise<void> {
    const who = await this.#parts.people.find(presser.user, presser.team, signal);
    const words = who.kind === 'nobody' ? who.why : (await give(who.name, form.matter, form.answer, null)).words;
    this.#say(presser, `${form.matter}: ${words}`, signal);
  }

  async #askReason(
    presser: Presser,
    payload: Readonly<Record<string, unknown>>,
    { matter, answer }: SlackForm,
    signal: AbortSignal,
  ): Promise<void> {
    const form: SlackForm & { channel: string | null } = { matter, answer, channel: presser.channel };
    const view = slackReasonForm(form, answer === 'approve' ? 'Approve' : 'Deny', answer === 'approve', reasonCharsMax);
    const opened = await this.#parts.api.call('views.open', { trigger_id: payload['trigger_id'], view }, signal, openTimeoutMs);
    if (opened.kind === 'failed')
      this.#say(presser, `${matter}: the form could not be opened (${opened.why}); answer in the console`, signal);
  }

  async #submitted(payload: Readonly<Record<string, unknown>>, give: GiveAnswer, signal: AbortSignal): Promise<SlackReply> {
    const view = recordOf(payload['view']);
    const form = formOf(view);
    const presser = presserOf(payload);
    if (view['callback_id'] !== slackForm || form === null || presser === null) return done;
    const input = recordOf(recordOf(recordOf(recordOf(view['state'])['values'])[reasonBlock])[reasonInput])['value'];
    const who = await this.#parts.people.find(presser.user, presser.team, signal);
    if (who.kind === 'nobody') return problem(who.why);
    const given = await give(who.name, form.matter, form.answer, textOf(input));
    if (!given.isTaken) return problem(given.words);
    this.#say({ ...presser, channel: form.channel }, `${form.matter}: ${given.words}`, signal);
    return done;
  }

  /** Words that only this person sees. Not awaited: Slack is answered first. */
  #say({ user, channel, thread }: Presser, words: string, signal: AbortSignal): void {
    if (channel === null) return;
    const where = thread === null ? {} : { thread_ts: thread };
    void this.#parts.api.call('chat.postEphemeral', { channel, user, text: escape(words), ...where }, signal).then((said) => {
      if (said.kind === 'failed') this.#parts.log.warn({ why: said.why }, 'words for a person in Slack could not be sent');
    });
  }
}

/** Words in the open form; it stays open. */
function problem(words: string): SlackReply {
  return { status: 200, body: { response_action: 'errors', errors: { [reasonBlock]: words.slice(0, 1_000) } } };
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

function formOf(view: Readonly<Record<string, unknown>>): (SlackForm & { readonly channel: string | null }) | null {
  try {
    const form = recordOf(JSON.parse(textOf(view['private_metadata']) ?? ''));
    const [matter, answer] = [textOf(form['matter']), form['answer']];
    if (matter === null || !matterPattern.test(matter) || (answer !== 'approve' && answer !== 'deny')) return null;
    return { matter, answer, channel: textOf(form['channel']) };
  } catch {
    return null;
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
