// Sign-in to the console by an OpenID Connect issuer: away to it, back from it, and signing out of both.

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { Fault } from '../../core/errors.ts';
import { clearCookie, cookieName, setCookie } from '../authentication.ts';
import { gives, redirects } from '../responses.ts';
import { nameParams, noBody } from '../request-schemas.ts';
import type { ApiServices } from '../services.ts';

const pathCharactersMax = 500;
/** The sign-in page reads it once. Words in an address could be anybody's; a cookie of this host is ours. */
const problemCookie = 'sallyport-problem';
const problemSeconds = 60;
const answerCharactersMax = 4000;

export function oidcRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { accounts, identity, gateway } = services;
  const secure = () => gateway.publicUrl().startsWith('https:');
  const browserCookie = () => (secure() ? '__Host-sallyport-oidc' : 'sallyport-oidc');

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/oidc/:name/start',
      config: { open: true },
      schema: {
        summary: 'Go to an issuer to sign in',
        tags: ['sign-in'],
        security: [],
        params: nameParams,
        querystring: z.object({ to: z.string().max(pathCharactersMax).optional() }),
        response: redirects('To the issuer, into the console, or back to the sign-in page with a problem'),
      },
      handler: async (request, reply) => {
        try {
          const wayBack = pathOf(request.query.to);
          const begun = await accounts.beginOidc(request.params.name, wayBack, request.cookies[browserCookie()] ?? null);
          // Lax: the issuer sends the browser back, which a Strict cookie would not go along with.
          const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: secure(), expires: new Date(begun.expiresAtMs) } as const;
          return reply.setCookie(browserCookie(), begun.browserSecret, options).redirect(begun.url);
        } catch (thrown) {
          return toLogin(reply, thrown);
        }
      },
    });

    app.route({
      method: 'GET',
      url: '/oidc/callback',
      config: { open: true },
      schema: {
        summary: 'Where an issuer sends the browser back',
        tags: ['sign-in'],
        security: [],
        querystring: z.record(z.string().max(100), z.union([z.string().max(answerCharactersMax), z.array(z.string())])),
        response: redirects('To the issuer, into the console, or back to the sign-in page with a problem'),
      },
      handler: async (request, reply) => {
        try {
          const { opened, wayBack } = await accounts.endOidc(
            single(request.query),
            request.cookies[browserCookie()] ?? null,
            request.clientAddress,
          );
          endOld(request);
          setCookie(reply, gateway.publicUrl(), opened.cookie, opened.expiresAtMs);
          return reply.redirect(wayBack);
        } catch (thrown) {
          return toLogin(reply, thrown);
        }
      },
    });

    app.route({
      method: 'POST',
      url: '/oidc/sign-out',
      config: { open: true },
      schema: {
        summary: 'Sign this browser out, here and (by the address that is given) at the issuer that signed it in',
        tags: ['sign-in'],
        security: [],
        body: noBody,
        response: gives(z.object({ url: z.string().nullable() })),
      },
      handler: async (request, reply) => {
        const cookie = request.cookies[cookieName(gateway.publicUrl())];
        const url = cookie === undefined ? null : await accounts.endSessionUrl(cookie);
        endOld(request);
        clearCookie(reply, gateway.publicUrl());
        return { url };
      },
    });
  };

  function endOld(request: FastifyRequest): void {
    const old = request.cookies[cookieName(gateway.publicUrl())];
    if (old !== undefined) identity.signOut(old);
  }

  /** Words go to the person; what is no Fault is the gateway's own trouble and goes to its log. */
  function toLogin(reply: FastifyReply, thrown: unknown): FastifyReply {
    if (!(thrown instanceof Fault)) throw thrown;
    const options = { path: '/login', sameSite: 'strict', secure: secure(), maxAge: problemSeconds } as const;
    return reply.setCookie(problemCookie, thrown.message.slice(0, pathCharactersMax), options).redirect('/login');
  }
}

/** A path of this console; "//host" and the like would leave it. */
function pathOf(text: string | undefined): string {
  return text !== undefined && /^\/(?![/\\])[^\p{Cc}\\]*$/u.test(text) ? text : '/';
}

/** RFC 6749, 3.1: no parameter comes twice. One that does counts as not there. */
function single(query: Readonly<Record<string, string | string[]>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(query).map(([key, value]) => [key, typeof value === 'string' ? value : undefined]));
}
