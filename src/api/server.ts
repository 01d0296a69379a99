// The HTTP server: API under /api/v1, the console beside it. Puts the pieces in order; every check comes before every route.

import { DEFAULT_CIPHERS } from 'node:tls';
import type { SecureContextOptions, Server as TlsServer } from 'node:tls';
import cookie from '@fastify/cookie';
import websocket from '@fastify/websocket';
import Fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { limitPipelining } from '../core/pipelining.ts';
import type { OwnCertificate } from '../core/server-tls.ts';
import { authenticate } from './authentication.ts';
import { serveConsole } from './console-files.ts';
import { apiBase } from './contract.ts';
import { guard, strictHeaders } from './guard.ts';
import { live } from './live.ts';
import { methodsOf } from './methods.ts';
import { describe } from './openapi.ts';
import { HttpProblem, sendError, sendProblem } from './problems.ts';
import { accountRoutes } from './routes/people-account.ts';
import { accessRoutes } from './routes/access.ts';
import { agentRoutes } from './routes/agents.ts';
import { auditRoutes } from './routes/audit.ts';
import { catalogueRoutes } from './routes/catalogue.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { channelRoutes } from './routes/channels.ts';
import { decisionRoutes } from './routes/decisions.ts';
import { delegationRoutes } from './routes/delegations.ts';
import { answerTimesRoutes } from './routes/answer-times.ts';
import { onCallRoutes } from './routes/on-call.ts';
import { holdAnswerRoutes } from './routes/hold-answers.ts';
import { forgeRoutes } from './routes/forges.ts';
import { holdRoutes } from './routes/holds.ts';
import { policyRoutes } from './routes/policies.ts';
import { pushRoutes } from './routes/push.ts';
import { recordingRoutes } from './routes/recordings.ts';
import { oidcRoutes } from './routes/oidc.ts';
import { peopleRoutes } from './routes/people.ts';
import { scimBase, scimRoutes } from './routes/scim.ts';
import { slackRoutes } from './routes/slack.ts';
import { teamsRoutes } from './routes/teams.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { shapeRoutes } from './routes/shapes.ts';
import { cliLoginRoutes } from './routes/sign-in-cli.ts';
import { signInMethodRoutes } from './routes/sign-in-methods.ts';
import { signInRoutes } from './routes/sign-in.ts';
import { machineTokenRoutes } from './routes/tokens-machines.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { gives } from './responses.ts';
import { health, ready } from './schemas.ts';
import type { ApiServices } from './services.ts';
import { terminalLive } from './terminal-live.ts';

/** Reasons, names and secrets are all that comes in. */
export const bodyBytesMax = 64 * 1024;
/** Slow senders: headers and body have to be here by then. */
export const requestTimeoutMs = 30_000;
const connectionTimeoutMs = 120_000;
const pathCharactersMax = 2000;
/** The live socket's clients have nothing to say. */
const clientMessageBytesMax = 1024;

/** Agents carry bulk over this server, and it costs a fifth less with this cipher. Only the order changes, and only of what is allowed. */
const quickCipher = 'TLS_AES_128_GCM_SHA256';
const serverOptions = ({ pem }: OwnCertificate): SecureContextOptions => ({
  cert: pem.certificate,
  key: pem.key,
  minVersion: 'TLSv1.2',
  ciphers: ciphersFor(DEFAULT_CIPHERS),
});
const ciphersFor = (allowed: string): string => {
  const all = allowed.split(':');
  return all.includes(quickCipher) ? [quickCipher, ...all.filter((it) => it !== quickCipher)].join(':') : allowed;
};

/** Builds the server; `listenApi` makes it listen. */
export async function createApi(services: ApiServices): Promise<FastifyInstance> {
  const { gateway, log } = services;
  const { tls } = gateway;
  const app = Fastify({
    logger: false, // paths hold secrets; what fails is logged by sendError
    bodyLimit: bodyBytesMax,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    routerOptions: { maxParamLength: pathCharactersMax },
    forceCloseConnections: true,
    // Comes before every hook. The address is not repeated: it may hold a secret.
    frameworkErrors: (_error, _request, reply) =>
      void sendProblem(reply.headers(strictHeaders), 400, {
        detail: 'that is no address: its escapes can’t be read',
        code: 'invalid-request',
      }),
    ...(tls === null ? {} : { https: serverOptions(tls.current) }),
  }) as unknown as FastifyInstance;
  limitPipelining(app.server);
  tls?.onReplaced((own) => (app.server as unknown as TlsServer).setSecureContext(serverOptions(own)));
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler<Error>((error, request, reply) => sendError(error, request, reply, log));
  takeJsonOnly(app);
  const methods = methodsOf(app);

  // First of all hooks: it ends the sockets of refused upgrades, which nothing else would.
  await app.register(websocket, { options: { maxPayload: clientMessageBytesMax, perMessageDeflate: false } });
  guard(app, gateway.publicUrl, { tls: tls !== null, behindProxy: gateway.behindProxy === true });
  await app.register(cookie);
  await describe(app, gateway.version, gateway.publicUrl);
  await app.register(async (api) => routes(api, services), { prefix: apiBase });
  await app.register(async (scim) => scimRoutes(scim, services), { prefix: scimBase });
  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: '/healthz',
    schema: { summary: 'Is the gateway up?', tags: ['gateway'], security: [], response: gives(health) },
    handler: async () => ({ status: 'ok', version: gateway.version }) as const,
  });
  app.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: '/readyz',
    schema: { summary: 'Does the gateway take statements?', tags: ['gateway'], security: [], response: gives(ready) },
    handler: async () => {
      if (gateway.isReady?.() === false) throw new HttpProblem(503, 'not-ready', 'statements are refused: the audit log can’t be written');
      return { status: 'ready' } as const;
    },
  });
  await serveConsole(app, gateway.consoleDir, methods);
  await app.ready();
  return app;
}

async function routes(api: FastifyInstance, services: ApiServices): Promise<void> {
  authenticate(api, services);
  for (const plugin of [
    catalogueRoutes(services),
    agentRoutes(services),
    credentialRoutes(services),
    holdRoutes(services),
    holdAnswerRoutes(services),
    delegationRoutes(services),
    onCallRoutes(services),
    answerTimesRoutes(services),
    accessRoutes(services),
    shapeRoutes(services),
    sessionRoutes(services),
    recordingRoutes(services),
    policyRoutes(services),
    auditRoutes(services),
    tokenRoutes(services),
    signInRoutes(services),
    decisionRoutes(services),
    channelRoutes(services),
    slackRoutes(services),
    teamsRoutes(services),
    pushRoutes(services),
    forgeRoutes(services),
    oidcRoutes(services),
    signInMethodRoutes(services),
    cliLoginRoutes(services),
    accountRoutes(services),
    peopleRoutes(services),
    machineTokenRoutes(services),
  ]) {
    await api.register(plugin);
  }
  live(api, services);
  terminalLive(api, services);
  api.withTypeProvider<ZodTypeProvider>().route({
    method: 'GET',
    url: '/openapi.json',
    config: { open: true },
    schema: { summary: 'This document', tags: ['gateway'], security: [], response: gives(z.record(z.string(), z.unknown())) },
    handler: async () => ({ ...api.swagger() }),
  });
}

/** JSON bodies and no others. None at all counts as {}, so that `curl -X POST` works where nothing has to be said. */
function takeJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, {});
    else parse(request, body as string, done);
  });
  app.addHook('preValidation', async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD' && (request.body === undefined || request.body === null)) request.body = {};
  });
}
