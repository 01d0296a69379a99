// What the gateway asks of HashiCorp Vault or OpenBao and of AWS, as their documentation describes it: no real ones can be had in
// a test (no package of Debian or npm has the server). The database engine makes real accounts of a real PostgreSQL; the AWS
// side checks the signature by computing it from scratch.

import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Teardown } from './directories.ts';

export interface TestVault {
  readonly url: string;
  readonly token: string;
  readonly roleId: string;
  readonly secretId: string;
  /** KV versions of each path, oldest first. */
  readonly secrets: Map<string, Record<string, unknown>[]>;
  /** Leases that live, by id, with their account. */
  readonly leases: Map<string, string>;
  readonly asked: string[];
  renewals: number;
  /** Tokens that AppRole gave and that are valid. */
  readonly approleTokens: Set<string>;
  leaseSeconds: number;
  tokenSeconds: number;
  /** As `tokenSeconds`, for a token that is renewed: less when it nears its longest life. */
  renewedSeconds: number | null;
  /** Answers this status to everything; null: as usual. */
  broken: number | 'silence' | 'nonsense' | null;
}

export interface VaultDatabase {
  create(user: string, password: string): Promise<unknown>;
  drop(user: string): Promise<unknown>;
}

export async function startVault(t: Teardown, database?: VaultDatabase): Promise<TestVault> {
  const transitKey = randomBytes(32);
  const vault: TestVault = {
    url: '',
    token: `hvs.${randomBytes(12).toString('hex')}`,
    roleId: 'role-of-the-gateway',
    secretId: `secret-id-${randomBytes(12).toString('hex')}`,
    secrets: new Map(),
    leases: new Map(),
    asked: [],
    renewals: 0,
    approleTokens: new Set(),
    leaseSeconds: 3_600,
    tokenSeconds: 3_600,
    renewedSeconds: null,
    broken: null,
  };
  const answer = async (
    method: string,
    path: string,
    query: URLSearchParams,
    token: string,
    body: Record<string, string>,
  ): Promise<[number, object?]> => {
    if (path === 'auth/approle/login') {
      if (body['role_id'] !== vault.roleId || body['secret_id'] !== vault.secretId) return [400, { errors: ['invalid role or secret ID'] }];
      const given = `hvs.${randomBytes(12).toString('hex')}`;
      vault.approleTokens.add(given);
      return [200, { auth: { client_token: given, lease_duration: vault.tokenSeconds, renewable: true } }];
    }
    if (token !== vault.token && !vault.approleTokens.has(token)) return [403, { errors: ['permission denied', `token ${token}`] }];
    const lease = body['lease_id'] ?? '';
    const kv = /^secret\/data\/(.+)$/.exec(path)?.[1];
    const role = /^database\/creds\/(\w+)$/.exec(path)?.[1];
    if (kv !== undefined) {
      const versions = vault.secrets.get(decodeURIComponent(kv));
      const version = Number(query.get('version') ?? versions?.length ?? 0);
      const data = versions?.[version - 1];
      return data === undefined ? [404, { errors: [] }] : [200, { data: { data, metadata: { version } } }];
    }
    if (role === 'writer' && database !== undefined) {
      const user = `v-approle-writer-${randomBytes(4).toString('hex')}`;
      const password = `A1a-${randomBytes(12).toString('hex')}`;
      await database.create(user, password);
      const id = `database/creds/writer/${randomBytes(8).toString('hex')}`;
      vault.leases.set(id, user);
      return [200, { lease_id: id, lease_duration: vault.leaseSeconds, renewable: true, data: { username: user, password } }];
    }
    if (path === 'sys/leases/renew' && method === 'PUT') {
      if (!vault.leases.has(lease)) return [400, { errors: ['lease not found'] }];
      vault.renewals += 1;
      return [200, { lease_id: lease, lease_duration: vault.leaseSeconds, renewable: true }];
    }
    if (path === 'sys/leases/revoke' && method === 'PUT') {
      const user = vault.leases.get(lease);
      vault.leases.delete(lease);
      if (user !== undefined) await database?.drop(user);
      return [204];
    }
    if (path === 'auth/token/renew-self')
      return [200, { auth: { client_token: token, lease_duration: vault.renewedSeconds ?? vault.tokenSeconds, renewable: true } }];
    if (path === 'transit/encrypt/sallyport') {
      const cipher = createCipheriv('aes-256-gcm', transitKey, Buffer.alloc(12)).setAAD(
        Buffer.from(body['associated_data'] ?? '', 'base64'),
      );
      const sealed = Buffer.concat([cipher.update(Buffer.from(body['plaintext'] ?? '', 'base64')), cipher.final(), cipher.getAuthTag()]);
      return [200, { data: { ciphertext: `vault:v1:${sealed.toString('base64')}` } }];
    }
    if (path === 'transit/decrypt/sallyport') {
      const sealed = Buffer.from((body['ciphertext'] ?? '').replace('vault:v1:', ''), 'base64');
      const decipher = createDecipheriv('aes-256-gcm', transitKey, Buffer.alloc(12)).setAAD(
        Buffer.from(body['associated_data'] ?? '', 'base64'),
      );
      decipher.setAuthTag(sealed.subarray(-16));
      return [200, { data: { plaintext: Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]).toString('base64') } }];
    }
    return [404, { errors: [] }];
  };
  const url = await serve(t, async (request, body) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://vault');
    const path = pathname.replace('/v1/', '');
    vault.asked.push(`${request.method} ${path}`);
    if (vault.broken === 'silence') return null;
    if (vault.broken === 'nonsense') return [200, `<html>${String(request.headers['x-vault-token'])}${body}`];
    if (vault.broken !== null) return [vault.broken, JSON.stringify({ errors: [String(request.headers['x-vault-token']), body] })];
    const parsed = (body === '' ? {} : JSON.parse(body)) as Record<string, string>;
    try {
      const [status, value] = await answer(
        request.method ?? '',
        path,
        searchParams,
        String(request.headers['x-vault-token'] ?? ''),
        parsed,
      );
      return [status, value === undefined ? '' : JSON.stringify(value)];
    } catch {
      return [400, JSON.stringify({ errors: ['cipher: message authentication failed'] })];
    }
  });
  return Object.assign(vault, { url });
}

export interface TestAws {
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Texts by name: the current one, then the one before. */
  readonly secrets: Map<string, string[]>;
  readonly asked: string[];
}

/** Secrets Manager and KMS at one address, told apart by the service that the signature names. */
export async function startAws(t: Teardown): Promise<TestAws> {
  const aws = {
    url: '',
    accessKeyId: 'AKIATESTTESTTESTTEST',
    secretAccessKey: `aws-${randomBytes(16).toString('hex')}`,
    secrets: new Map<string, string[]>(),
    asked: [] as string[],
  };
  const url = await serve(t, async (request, body) => {
    const refuse = (type: string): [number, string] => [400, JSON.stringify({ __type: `com.amazonaws#${type}`, Message: `no ${body}` })];
    if (!isSigned(request, body, aws)) return refuse('InvalidSignatureException');
    const operation = String(request.headers['x-amz-target']);
    aws.asked.push(operation);
    const asked = JSON.parse(body) as Record<string, string> & { EncryptionContext?: object };
    switch (operation) {
      case 'secretsmanager.GetSecretValue': {
        const text = aws.secrets.get(asked['SecretId'] ?? '')?.[asked['VersionStage'] === 'AWSPREVIOUS' ? 1 : 0];
        return text === undefined ? refuse('ResourceNotFoundException') : [200, JSON.stringify({ SecretString: text, VersionId: 'v-1' })];
      }
      case 'TrentService.Encrypt':
        return [
          200,
          JSON.stringify({ CiphertextBlob: Buffer.from(JSON.stringify([asked['Plaintext'], asked.EncryptionContext])).toString('base64') }),
        ];
      case 'TrentService.Decrypt': {
        const [plain, context] = JSON.parse(Buffer.from(asked['CiphertextBlob'] ?? '', 'base64').toString()) as [string, object];
        if (JSON.stringify(context) !== JSON.stringify(asked.EncryptionContext)) return refuse('InvalidCiphertextException');
        return [200, JSON.stringify({ Plaintext: plain })];
      }
      default:
        return refuse('UnknownOperationException');
    }
  });
  return Object.assign(aws, { url });
}

/** Signature Version 4, from its specification. */
function isSigned(request: IncomingMessage, body: string, { accessKeyId, secretAccessKey }: TestAws): boolean {
  const header = String(request.headers.authorization ?? '');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([\w-]+)\/(\w+)\/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (match === null) return false;
  const [, key, day = '', region = '', service = '', names = '', signature] = match;
  if (key !== accessKeyId || !['host', 'x-amz-date', 'x-amz-target'].every((name) => names.split(';').includes(name))) return false;
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();
  const headers = names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [request.method, '/', '', headers.join(''), names, hash(body)].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], `${day}/${region}/${service}/aws4_request`, hash(canonical)].join(
    '\n',
  );
  const signing = ['aws4_request'].reduce(
    (secret, text) => hmac(secret, text),
    hmac(hmac(hmac(`AWS4${secretAccessKey}`, day), region), service),
  );
  return hmac(signing, toSign).toString('hex') === signature;
}

/** Null answers nothing. */
async function serve(t: Teardown, handle: (request: IncomingMessage, body: string) => Promise<[number, string] | null>): Promise<string> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      void handle(request, body).then((answer) => {
        if (answer !== null) response.writeHead(answer[0], { 'content-type': 'application/json' }).end(answer[1]);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
