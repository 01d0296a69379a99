// The e-mail channel: one mail to each person who may answer, with links of their own. A link opens a page where somebody presses
// a button: scanners that follow every link in a mail answer nothing. When it is over, nobody gets another mail; the page says so.

import { createTransport } from 'nodemailer';
import type { Clock } from '../core/clock.ts';
import type { Authorities } from '../core/pem-files.ts';
import type { Secret } from '../core/secret.ts';
import type { AddressBook } from './address-book.ts';
import { asks, concerns, isPending, lenderFor } from './channel.ts';
import type { Addressee, Channel, Matter, MatterLinks, Message } from './channel.ts';
import { mailText } from './mail-text.ts';
import type { SendResult } from './queue.ts';
import { visibleLine } from './visible.ts';

export interface MailServer {
  readonly host: string;
  readonly port: number;
  /** Demanded, not tried: without TLS nothing is sent, but to this machine. */
  readonly tls: 'starttls' | 'implicit' | 'none';
  /** To trust instead of the system's. */
  readonly ca: Authorities | null;
  readonly signIn: { readonly user: string; readonly password: Secret } | null;
  readonly from: string;
}

export interface MailParts {
  readonly server: MailServer;
  readonly book: AddressBook;
  readonly people: () => readonly Addressee[];
  /** Links for this person. */
  readonly links: (matter: Matter, person: string) => MatterLinks;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

const subjectCharsMax = 180;
/** People told of one matter. More than these would be a mailing, and one of them will answer. */
const recipientsMax = 100;

export function mailChannel(parts: MailParts): Channel {
  const { book, people } = parts;
  return {
    name: 'mail',
    asksOnce: true,
    places: (moment, matter) =>
      people()
        .filter((person) => concerns(moment, matter, person) && book.emailOf(person.name) !== null)
        .slice(0, recipientsMax)
        .map(({ name }) => name),
    send: (message, signal) => send(parts, message, signal),
  };
}

async function send({ server, book, people, links, timeoutMs }: MailParts, message: Message, signal: AbortSignal): Promise<SendResult> {
  const { id, matter, moment, place: person } = message;
  const address = book.emailOf(person);
  if (address === null) return { kind: 'failed', status: null, why: `${person} has no address any more`, again: false };
  if (asks(moment) && !isPending(matter)) return { kind: 'taken', status: null, words: 'it had been answered before the mail went out' };
  const { subject, text, html } = mailText(matter, moment, links(matter, person), inTheRightOf(matter, person, people()));
  const ca = (await server.ca?.()) ?? null;
  const transport = createTransport({
    host: server.host,
    port: server.port,
    secure: server.tls === 'implicit',
    requireTLS: server.tls === 'starttls',
    ignoreTLS: server.tls === 'none',
    tls: { minVersion: 'TLSv1.2', ...(ca === null ? {} : { ca }) },
    ...(server.signIn === null ? {} : { auth: { user: server.signIn.user, pass: server.signIn.password.reveal().trim() } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // Nothing in a mail of ours is read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const cut = () => transport.close();
  signal.addEventListener('abort', cut, { once: true });
  try {
    await transport.sendMail({
      from: server.from,
      to: { name: '', address },
      subject: visibleLine(subject, subjectCharsMax),
      text,
      html,
      messageId: `<${id}.${matter.id}@sallyport>`,
      // One thread for each matter in every mail program.
      inReplyTo: `<${matter.id}@sallyport>`,
      references: `<${matter.id}@sallyport>`,
      headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
    });
    return { kind: 'taken', status: 250 };
  } catch (thrown) {
    return failure(thrown);
  } finally {
    signal.removeEventListener('abort', cut);
    transport.close();
  }
}

/** Below SMTP three things fail, and each is mended elsewhere. OpenSSL's words and the system's are no server's. */
function socketWords(thrown: unknown): string {
  const { message, syscall, reason } = thrown as Partial<NodeJS.ErrnoException> & { readonly reason?: string };
  if (syscall !== undefined) return `the mail server can't be reached: ${/\bE[A-Z]+\b/.exec(message ?? '')?.[0] ?? syscall}`;
  if (reason !== undefined) return `TLS with the mail server failed (${reason}): nothing was sent without it`;
  return 'the certificate of the mail server is not trusted, or is for another name: nothing was sent without TLS';
}

/** Whose right the answer would use, where it is not their own. */
function inTheRightOf(matter: Matter, name: string, people: readonly Addressee[]): string | null {
  const person = people.find((it) => it.name === name);
  return person === undefined ? null : lenderFor(matter, person);
}

/** What went wrong in words, without what the server wrote: it may repeat what was sent. */
function failure(thrown: unknown): SendResult {
  const { code, responseCode = null, command } = thrown as { code?: string; responseCode?: number; command?: string };
  const what = typeof command === 'string' ? ` to ${command.slice(0, 20)}` : '';
  if (responseCode !== null && code !== 'ETLS') {
    // A recipient or a text that is refused stays refused; a server that wants another sign-in is mended by the operator.
    const again = responseCode < 500 || (code !== 'EENVELOPE' && code !== 'EMESSAGE');
    return { kind: 'failed', status: responseCode, why: `the mail server answered ${responseCode}${what}`, again };
  }
  const words: Readonly<Record<string, string>> = {
    ETLS: 'the mail server does not offer TLS, or its certificate is not trusted: nothing was sent',
    ESOCKET: socketWords(thrown),
    ETIMEDOUT: 'the mail server did not answer in time',
    ECONNECTION: 'the mail server closed the connection',
    EDNS: 'the name of the mail server is unknown',
    ENOAUTH: 'the mail server wants a sign-in that it does not offer',
  };
  return { kind: 'failed', status: null, why: words[code ?? ''] ?? `mail failed (${code ?? 'without a code'})`, again: true };
}
