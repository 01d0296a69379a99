// Channels as the rest of the gateway sees them: secrets read and wrapped, addresses checked.

import type { PersonName } from '../core/ids.ts';
import type { PemFile } from '../core/pem-files.ts';
import type { Secret } from '../core/secret.ts';

export interface SlackConfig {
  readonly botToken: Secret;
  readonly signingSecret: Secret;
  readonly channel: string;
  /** People of other workspaces are refused; null: not looked at. */
  readonly team: string | null;
  readonly peopleByEmail: boolean;
  /** Without a slash at the end. */
  readonly apiUrl: string;
}

export interface MailConfig {
  readonly host: string;
  readonly port: number;
  readonly tls: 'starttls' | 'implicit' | 'none';
  readonly ca: PemFile | null;
  readonly signIn: { readonly user: string; readonly password: Secret } | null;
  readonly from: string;
  /** Whether the links in a mail answer for whom it was sent to, without signing in. */
  readonly linksAnswer: boolean;
}

export interface TeamsConfig {
  /** Whoever knows it can post. */
  readonly url: Secret;
  /** Base64, of the outgoing webhook by which people write commands; null: none are taken. */
  readonly securityToken: Secret | null;
}

export interface PushConfig {
  readonly contact: string;
  /** Hosts, with "*." for all below; null: those of the common browsers. */
  readonly services: readonly string[] | null;
}

/** What a deployment asks for. */
export interface DeploymentConfig {
  /** owner/name, or a GitLab project with all its groups. */
  readonly repository: string;
  readonly environment: string;
  readonly person: PersonName;
  readonly target: string;
  readonly durationMs: number;
  readonly readOnly: boolean;
}

export interface GithubConfig {
  readonly webhookSecret: Secret;
  readonly appId: string;
  /** PEM text. */
  readonly privateKey: Secret;
  readonly apiUrl: string;
  readonly comments: boolean;
  readonly deployments: readonly DeploymentConfig[];
}

export interface GitlabConfig {
  /** Without a slash at the end. */
  readonly url: string;
  readonly token: Secret;
  /** How its webhooks prove themselves: signed as Standard Webhooks prescribes, or by a secret that is sent along. */
  readonly proof: { readonly kind: 'signed' | 'token'; readonly secret: Secret };
  readonly comments: boolean;
  readonly deployments: readonly DeploymentConfig[];
}

export interface InboundConfig {
  readonly name: string;
  /** As Standard Webhooks writes it: base64, with or without `whsec_`. */
  readonly secret: Secret;
  readonly answersAs: PersonName;
}

/** How somebody is reached outside the gateway. */
export interface ContactConfig {
  readonly name: PersonName;
  readonly email: string | null;
  readonly slack: string | null;
  /** Object id in Microsoft Entra, in lower case. */
  readonly teams: string | null;
  readonly github: number | null;
  readonly gitlab: number | null;
}

export interface ChannelsConfig {
  readonly contacts: readonly ContactConfig[];
  readonly slack: SlackConfig | null;
  readonly mail: MailConfig | null;
  readonly teams: TeamsConfig | null;
  readonly push: PushConfig | null;
  readonly github: GithubConfig | null;
  readonly gitlab: GitlabConfig | null;
  readonly inbound: readonly InboundConfig[];
}
