// A real SMTP server that takes mail: with STARTTLS and a sign-in, or with what a test wants it to lack. Keeps what came.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { SMTPServerOptions } from 'smtp-server';
import type { Teardown } from './directories.ts';

export interface Mail {
  readonly to: readonly string[];
  readonly from: string;
  /** As it came over the wire. */
  readonly raw: string;
  /** Header lines unfolded, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The plain text part, decoded. */
  readonly text: string;
  readonly secure: boolean;
  readonly user: string | null;
}

export interface TestSmtp {
  readonly port: number;
  readonly mails: Mail[];
  to(address: string): Mail[];
}

export async function startSmtp(t: Teardown, options: SMTPServerOptions = {}): Promise<TestSmtp> {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    onAuth: (auth, _session, done) =>
      auth.username === 'gateway' && auth.password === 'mail-secret' ? done(null, { user: 'gateway' }) : done(new Error('wrong')),
    onData: (stream, session, done) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const raw = Buffer.concat(chunks).toString('utf8');
        const to = rcptTo.map(({ address }) => address);
        const from = mailFrom === false ? '' : mailFrom.address;
        mails.push({
          to,
          from,
          raw,
          headers: headersOf(raw),
          text: textOf(raw),
          secure: session.secure,
          user: typeof session.user === 'string' ? session.user : null,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {}); // a client that goes away in the middle of TLS
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.teardown(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    to: (address) => mails.filter((mail) => mail.to.includes(address)),
  };
}

function headersOf(raw: string): Record<string, string> {
  const head = raw.slice(0, raw.indexOf('\r\n\r\n')).replaceAll(/\r\n[ \t]+/g, ' ');
  return Object.fromEntries(
    head.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  );
}

function textOf(raw: string): string {
  const part = /Content-Type: text\/plain[^]*?\r\n\r\n([^]*?)\r\n--/i.exec(raw);
  const head = part?.[0] ?? '';
  const body = part?.[1] ?? '';
  if (/base64/i.test(head.slice(0, 200))) return Buffer.from(body, 'base64').toString('utf8');
  if (!/quoted-printable/i.test(head.slice(0, 200))) return body.replaceAll('\r\n', '\n');
  const bytes = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\r\n', '\n');
}
