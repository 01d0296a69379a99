// Writes to the gateway as an outgoing webhook of Microsoft Teams does, signed. The activity is the one that Microsoft documents
// for messages in a channel: https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability

import { createHmac } from 'node:crypto';

let written = 0;

/** A message as JSON; `more` replaces fields. Each has an id of its own. */
export function teamsActivity(aadObjectId: string | null, text: string, more: Readonly<Record<string, unknown>> = {}): string {
  written += 1;
  const nowMs = Date.now();
  return JSON.stringify({
    type: 'message',
    id: String(nowMs * 1_000 + written),
    timestamp: new Date(nowMs).toISOString(),
    serviceUrl: 'https://smba.trafficmanager.net/amer/',
    channelId: 'msteams',
    from: { id: '29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85g', name: 'Somebody', ...(aadObjectId === null ? {} : { aadObjectId }) },
    conversation: {
      isGroup: true,
      conversationType: 'channel',
      id: '19:253b1f341670408fb6fe51050b6e5ceb@thread.skype;messageid=1485983194839',
    },
    recipient: null,
    textFormat: 'plain',
    text,
    attachments: [{ contentType: 'text/html', content: '<div><div>not read</div></div>' }],
    entities: [{ type: 'clientInfo', locale: 'en-US', country: 'US', platform: 'Windows' }],
    channelData: { tenant: { id: '72f988bf-86f1-41af-91ab-2d7cd011db47' } },
    ...more,
  });
}

export function teamsSignature(securityToken: string, body: string): string {
  return `HMAC ${createHmac('sha256', Buffer.from(securityToken, 'base64')).update(body, 'utf8').digest('base64')}`;
}

interface Answered {
  readonly status: number;
  /** Every line that is shown. */
  readonly words: string;
  readonly links: readonly string[];
  /** As it came. */
  readonly text: string;
}

export async function teamsPosts(gatewayHttp: string, body: string, authorization: string | null): Promise<Answered> {
  const headers = { 'content-type': 'application/json; charset=utf-8', ...(authorization === null ? {} : { authorization }) };
  const answer = await fetch(`${gatewayHttp}/api/v1/teams/messages`, { method: 'POST', headers, body });
  const text = await answer.text();
  if (answer.status !== 200) return { status: answer.status, words: '', links: [], text };
  const { type, attachments } = JSON.parse(text) as {
    type: string;
    attachments: { content: { body: { type: string; inlines: { text: string }[] }[]; actions: { type: string; url: string }[] } }[];
  };
  const [card] = attachments;
  if (type !== 'message' || card === undefined) throw new Error(`not a message that Teams shows: ${text}`);
  const runs = card.content.body.map((block) =>
    block.type === 'RichTextBlock' ? block.inlines.map((it) => it.text).join('') : block.type,
  );
  return { status: 200, words: runs.join('\n'), links: card.content.actions.map(({ url }) => url), text };
}
