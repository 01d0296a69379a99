// AWS: one signed JSON request (Signature Version 4, by aws4fetch), and on it credentials of targets from Secrets Manager.

import { AwsV4Signer } from 'aws4fetch';
import type { Credential, CredentialProvider } from '../../core/credential.ts';
import { Fault } from '../../core/errors.ts';
import type { Authorities } from '../../core/pem-files.ts';
import { Secret } from '../../core/secret.ts';
import type { Target } from '../../core/target.ts';
import { credentialFrom } from './fields.ts';
import { requestJson, textAt } from './http.ts';
import type { JsonAnswer } from './http.ts';

export interface AwsOptions {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret | null;
  /** Other than AWS's own: a VPC endpoint, or something that speaks the same. */
  readonly endpoint: URL | null;
  readonly ca: Authorities | null;
}

export interface AwsClient {
  /** Null: what it names is not there. Rejects with Fault target-credential-failed. */
  call(service: 'secretsmanager' | 'kms', operation: string, body: object, signal: AbortSignal): Promise<unknown>;
}

const operationPrefix = { secretsmanager: 'secretsmanager', kms: 'TrentService' } as const;
const serviceName = { secretsmanager: 'Secrets Manager', kms: 'KMS' } as const;

export function awsClient(options: AwsOptions): AwsClient {
  return {
    call: async (service, operation, body, signal) => {
      const url = options.endpoint ?? new URL(`https://${service}.${options.region}.amazonaws.com/`);
      const text = JSON.stringify(body);
      const signed = await new AwsV4Signer({
        method: 'POST',
        url: url.href,
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `${operationPrefix[service]}.${operation}` },
        body: text,
        service,
        region: options.region,
        accessKeyId: options.accessKeyId,
        secretAccessKey: options.secretAccessKey.reveal(),
        ...(options.sessionToken === null ? {} : { sessionToken: options.sessionToken.reveal() }),
        // Content type and target are signed too.
        allHeaders: true,
      }).sign();
      const headers = Object.fromEntries((signed.headers as Headers).entries());
      const answer = await requestJson({
        method: 'POST',
        url: signed.url,
        headers,
        body: text,
        ca: (await options.ca?.()) ?? null,
        signal,
      });
      if (answer.status === 200) return answer.body;
      const kind = kindOf(answer);
      if (kind === 'ResourceNotFoundException' || kind === 'NotFoundException') return null;
      throw new Fault('target-credential-failed', `AWS ${serviceName[service]} at ${url.host} refused ${operation} (${kind})`);
    },
  };
}

export function awsSecrets(aws: AwsClient): CredentialProvider {
  const read = async (target: Target, stage: 'AWSCURRENT' | 'AWSPREVIOUS', signal: AbortSignal): Promise<Credential | null> => {
    const { id, fields } = sourceOf(target);
    const answer = await aws.call('secretsmanager', 'GetSecretValue', { SecretId: id, VersionStage: stage }, signal);
    if (answer === null) return null;
    const text = textAt(answer, 'SecretString');
    if (text === null) throw new Fault('target-credential-failed', `the AWS secret ${id} is not a text`);
    const version = `${stage === 'AWSCURRENT' ? 'current' : 'previous'} version ${textAt(answer, 'VersionId') ?? ''} of ${id}`;
    return credentialFrom(fieldsOf(text), fields, version, `the AWS secret ${id}`);
  };
  return {
    read: async (target, signal) => {
      const credential = await read(target, 'AWSCURRENT', signal);
      if (credential === null) throw new Fault('target-credential-failed', `AWS Secrets Manager has no secret ${sourceOf(target).id}`);
      return credential;
    },
    previous: (target, signal) => read(target, 'AWSPREVIOUS', signal),
    accepted: () => {},
  };
}

/** A secret that is no JSON object is one password. */
function fieldsOf(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  return { password: text };
}

/** "AccessDeniedException": letters only, so that nothing else of the answer gets through. */
function kindOf({ status, body }: JsonAnswer): string {
  const written = (textAt(body, '__type') ?? '').split('#').at(-1) ?? '';
  return /^[A-Za-z]{3,60}$/.test(written) ? written : `HTTP ${status}`;
}

function sourceOf({ credential }: Target) {
  if (credential?.kind !== 'aws-secret') throw new Error('not a credential of AWS');
  return credential;
}
