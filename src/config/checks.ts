// What has to hold between values: unique names, nothing served in clear beyond this machine, no control that can never
// take effect.

import type { ConfigDocument } from './document.ts';
import { isLoopback } from '../core/loopback.ts';
import { groupsOfSignIn } from './read-sign-in.ts';
import { didYouMean } from './validate.ts';
import type { Entry, Parts } from './validate.ts';

export function checkNames(document: ConfigDocument, parts: Parts): void {
  unique(document, parts.people, 'person');
  unique(document, parts.targets, 'target');
  unique(document, parts.webhooks, 'webhook');
}

/** Case does not make a name different: `Alice` and `alice` would be told apart by nobody. */
function unique(document: ConfigDocument, entries: readonly Entry<{ name: string }>[], thing: string): void {
  const seen = new Set<string>();
  for (const { path, value } of entries) {
    const folded = value.name.toLowerCase();
    if (seen.has(folded)) document.problem([...path, 'name'], `there is another ${thing} with the name "${value.name}"`);
    seen.add(folded);
  }
}

/** A right given to a group that nobody is in is a misspelt group: nobody could answer, and every hold would run out. */
export function checkRights(document: ConfigDocument, parts: Parts): void {
  if (parts.rights === undefined || document.hasProblemIn('people') || document.hasProblemIn('on_call')) return;
  const onCall = (parts.on_call ?? []).map(({ group }) => group);
  const known = [...new Set([...parts.people.flatMap(({ value }) => value.groups), ...groupsOfSignIn(parts.sign_in), ...onCall])];
  for (const [right, groups] of Object.entries(parts.rights)) {
    for (const [index, group] of groups.entries()) {
      if (known.includes(group)) continue;
      document.problem(['rights', right, index], `nobody is in the group "${group}"${didYouMean(group, known)}`);
    }
  }
}

export function checkListen(document: ConfigDocument, parts: Parts): void {
  const { listen } = parts;
  if (listen === undefined) return;
  const secured = parts.tls !== undefined || document.hasProblemIn('tls');
  if (!secured && !isLoopback(listen.http.host)) {
    const words = `the console and the API are not served without TLS beyond this machine: set tls, or listen on 127.0.0.1`;
    document.problem(['listen', 'http', 'host'], words);
  }
  for (const protocol of ['postgres', 'mysql'] as const) {
    const address = listen[protocol];
    if (address === undefined || secured || parts.allow_plaintext === true || isLoopback(address.host)) continue;
    const words = `without TLS nobody on another machine could sign in here: set tls, or listen on 127.0.0.1 (or accept plain text with allow_plaintext: true)`;
    document.problem(['listen', protocol, 'host'], words);
  }
  if (parts.tls !== undefined && listen.mysql?.own_certificate !== undefined)
    document.problem(['listen', 'mysql', 'own_certificate'], 'has no effect where tls is set: that certificate is shown');
  const taken = new Map<string, string>();
  for (const [name, address] of Object.entries(listen)) {
    if (address === undefined || address.port === 0) continue;
    const key = `${address.host} ${address.port}`;
    const other = taken.get(key);
    if (other !== undefined) document.problem(['listen', name, 'port'], `listen.${other} has the same host and port`);
    taken.set(key, name);
  }
  for (const { path, value } of parts.targets) {
    if (listen[value.protocol] !== undefined) continue;
    document.problem([...path, 'protocol'], `nobody can reach this target: listen.${value.protocol} is not set`);
  }
}

/** The public address without a slash at its end; links in notices and webhooks begin with it. */
export function checkPublicUrl(document: ConfigDocument, parts: Parts): string | null {
  if (parts.public_url === undefined) return null;
  const url = URL.parse(parts.public_url);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    document.problem(['public_url'], 'must be a whole address, as in "https://sallyport.example.com"');
    return null;
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    document.problem(['public_url'], 'must begin with https:// beyond this machine');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    document.problem(['public_url'], 'must be only scheme, host and port: the console is served at the root');
  }
  return url.origin;
}
