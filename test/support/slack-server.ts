// Stands for slack.com: takes the Web API calls that the gateway makes, in the shapes that Slack documents, keeps what a channel
// would show, and presses buttons as Slack does, signed.

import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from './directories.ts';

export interface SlackCall {
  readonly method: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly authorization: string | undefined;
  readonly type: string | undefined;
}

export interface ShownMessage {
  readonly ts: string;
  readonly thread: string | null;
  readonly broadcast: boolean;
  /** The whole message as JSON text: what anybody could read in it. */
  readonly json: string;
  readonly buttons: readonly { readonly action_id: string; readonly value: string; readonly url?: string }[];
}

export interface SlackServer {
  /** For `api_url`. */
  readonly url: string;
  readonly calls: SlackCall[];
  /** By ts, as they are now. */
  readonly messages: ReadonlyMap<string, ShownMessage>;
  /** Members that users.info knows. */
  readonly users: Map<string, object>;
  /** Answers the next calls with this status or Slack error, one each. */
  fails(...answers: (number | string)[]): void;
  message(holdId: string): ShownMessage | undefined;
  ephemeral(user: string): string[];
}

export const channel = 'C012AB3CD';
export const team = 'T0LOCAL12';

interface Button {
  readonly action_id: string;
  readonly value: string;
  readonly url?: string;
}

export async function startSlack(t: Teardown): Promise<SlackServer> {
  const calls: SlackCall[] = [];
  const messages = new Map<string, ShownMessage>();
  const users = new Map<string, object>();
  const failures: (number | string)[] = [];
  let count = 0;
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      const type = request.headers['content-type'];
      const method = (request.url ?? '').replace('/api/', '');
      const body = (
        type?.startsWith('application/json') === true ? JSON.parse(text) : Object.fromEntries(new URLSearchParams(text))
      ) as SlackCall['body'];
      calls.push({ method, body, authorization: request.headers.authorization, type });
      const failure = failures.shift();
      if (typeof failure === 'number') return response.writeHead(failure, { 'retry-after': '0' }).end();
      const answer = failure === undefined ? answerTo(method, body) : { ok: false, error: failure };
      response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });

  function answerTo(method: string, body: SlackCall['body']): object {
    switch (method) {
      case 'chat.postMessage': {
        count += 1;
        const ts = `1503435956.${String(count).padStart(6, '0')}`;
        messages.set(ts, shown(ts, body, (body['thread_ts'] as string | undefined) ?? null, body['reply_broadcast'] === true));
        return { ok: true, channel, ts };
      }
      case 'chat.update': {
        const ts = String(body['ts']);
        const before = messages.get(ts);
        if (before === undefined) return { ok: false, error: 'message_not_found' };
        messages.set(ts, shown(ts, body, before.thread, before.broadcast));
        return { ok: true, channel, ts };
      }
      case 'users.info': {
        const user = users.get(String(body['user']));
        return user === undefined ? { ok: false, error: 'user_not_found' } : { ok: true, user };
      }
      case 'chat.postEphemeral':
        return { ok: true, message_ts: '1502210682.580145' };
      case 'views.open':
        return { ok: true, view: { id: 'V123' } };
      default:
        return { ok: false, error: 'unknown_method' };
    }
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api`,
    calls,
    messages,
    users,
    fails: (...answers) => failures.push(...answers),
    message: (id) => [...messages.values()].find(({ json }) => json.includes(id)),
    ephemeral: (user) =>
      calls.filter(({ method, body }) => method === 'chat.postEphemeral' && body['user'] === user).map(({ body }) => String(body['text'])),
  };
}

function shown(ts: string, body: SlackCall['body'], thread: string | null, broadcast: boolean): ShownMessage {
  const blocks = (body['blocks'] ?? []) as readonly { type: string; elements?: Button[] }[];
  const buttons = blocks.filter(({ type }) => type === 'actions').flatMap(({ elements = [] }) => elements);
  return { ts, thread, broadcast, json: JSON.stringify(body), buttons };
}

export interface Press {
  readonly user: string;
  readonly userTeam?: string;
  readonly message: ShownMessage;
  readonly actionId: string;
  readonly value: string;
}

/** The payload of a press as https://docs.slack.dev/reference/interaction-payloads/block_actions-payload has it. */
export function pressPayload({ user, userTeam = team, message, actionId, value }: Press): object {
  return {
    type: 'block_actions',
    user: { id: user, username: 'somebody', name: 'somebody', team_id: userTeam },
    api_app_id: 'A02',
    token: 'Shh_its_a_seekrit',
    container: { type: 'message', message_ts: message.ts, channel_id: channel, is_ephemeral: false },
    trigger_id: '12466734323.1395872398',
    team: { id: team, domain: 'example' },
    enterprise: null,
    is_enterprise_install: false,
    channel: { id: channel, name: 'approvals' },
    message: {
      bot_id: 'BAH5CA16Z',
      type: 'message',
      text: 'x',
      user: 'UAJ2RU415',
      ts: message.ts,
      ...(message.thread === null ? {} : { thread_ts: message.thread }),
    },
    response_url: 'https://hooks.slack.com/actions/AABA1ABCD/1232321423432/D09sSasdasdAS9091209',
    actions: [
      {
        action_id: actionId,
        block_id: 'answer',
        text: { type: 'plain_text', text: 'x', emoji: false },
        value,
        type: 'button',
        action_ts: '1548426417.840180',
      },
    ],
  };
}

/** The payload of a form that was sent. */
export function formPayload(user: string, view: Readonly<Record<string, unknown>>, reason: string | null): object {
  return {
    type: 'view_submission',
    team: { id: team, domain: 'example' },
    user: { id: user, username: 'somebody', team_id: team },
    view: { ...view, id: 'VNHU13V36', state: { values: { reason: { text: { type: 'plain_text_input', value: reason } } } } },
  };
}

/** A form that was sent with more than a reason: by block, what Slack has of its element. */
export function filledPayload(user: string, view: Readonly<Record<string, unknown>>, values: Readonly<Record<string, object>>): object {
  const state = Object.fromEntries(
    Object.entries(values).map(([block, value]) => [block, { [block === 'reason' ? 'text' : block]: value }]),
  );
  return {
    type: 'view_submission',
    team: { id: team, domain: 'example' },
    user: { id: user, username: 'somebody', team_id: team },
    view: { ...view, id: 'VNHU13V36', state: { values: state } },
  };
}

/** Types a slash command, as https://docs.slack.dev/interactivity/implementing-slash-commands has it. */
export function slackTypes(
  gatewayHttp: string,
  secret: string,
  typed: { readonly user: string; readonly text: string; readonly userTeam?: string },
  more: Readonly<Record<string, string>> = {},
): Promise<SlackPosted> {
  const fields = {
    token: 'gIkuvaNzQIHg97ATvDxqgjtO',
    ...{ team_id: typed.userTeam ?? team, team_domain: 'example', channel_id: channel, channel_name: 'test' },
    ...{ user_id: typed.user, user_name: 'somebody', command: '/sallyport', text: typed.text },
    response_url: 'https://hooks.slack.com/commands/1234/5678',
    ...{ trigger_id: `13345224609.738474920.${randomBytes(8).toString('hex')}`, api_app_id: 'A123456' },
  };
  return slackSends(`${gatewayHttp}/api/v1/slack/commands`, secret, fields, more);
}

/** Posts a payload as Slack does; `more` replaces headers. */
export function slackPosts(
  gatewayHttp: string,
  secret: string,
  payload: object,
  more: Readonly<Record<string, string>> = {},
): Promise<SlackPosted> {
  return slackSends(`${gatewayHttp}/api/v1/slack/interactions`, secret, { payload: JSON.stringify(payload) }, more);
}

interface SlackPosted {
  readonly status: number;
  readonly text: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

async function slackSends(
  url: string,
  secret: string,
  fields: Record<string, string>,
  more: Readonly<Record<string, string>>,
): Promise<SlackPosted> {
  const body = new URLSearchParams(fields).toString();
  const timestamp = more['x-slack-request-timestamp'] ?? String(Math.floor(Date.now() / 1000));
  const signature = `v0=${createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex')}`;
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': timestamp,
    'x-slack-signature': signature,
    ...more,
  };
  const answer = await fetch(url, { method: 'POST', headers, body });
  return { status: answer.status, text: await answer.text(), headers, body };
}
