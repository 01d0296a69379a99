// What there is: oneself, the targets, the people, the webhook deliveries.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { AgentSelector, Protocol, Target } from '../../core/target.ts';
import { callerOf, mustHave, mustNotBeSelf } from '../authentication.ts';
import type { Caller } from '../authentication.ts';
import type { Me, PersonView, SshKeysView, TargetView } from '../contract.ts';
import { gives } from '../responses.ts';
import { filter, nameParams, noBody, paging } from '../request-schemas.ts';
import { deliveryView, me, pageOf, personView, targetView } from '../schemas.ts';
import type { PersonInfo } from '../identity-services.ts';
import type { ApiServices } from '../services.ts';
import { notFound } from '../problems.ts';

const sshKeys = z.strictObject({ host_key: z.string(), user_authority: z.string() });

export function catalogueRoutes(services: ApiServices): FastifyPluginAsyncZod {
  const { identity } = services;

  return async (app) => {
    app.route({
      method: 'GET',
      url: '/me',
      schema: { summary: 'Who is signed in', tags: ['people'], response: gives(me) },
      handler: async (request) => meOf(callerOf(request, services)),
    });

    app.route({
      method: 'GET',
      url: '/targets',
      schema: { summary: 'The protected systems and how to reach them', tags: ['targets'], response: gives(pageOf(targetView)) },
      handler: async (request) => {
        const { name } = callerOf(request, services).principal;
        const items = services.targets.list().map((target) => ({
          name: target.name,
          protocol: target.protocol,
          labels: target.labels,
          host: target.host,
          port: target.port,
          ...(target.agent ? { agent: agentWords(target.agent) } : {}),
          connect: connectLine(services, target, name),
          ...gatewayOf(services, target.protocol),
        }));
        return { items, next: null };
      },
    });

    app.route({
      method: 'GET',
      url: '/ssh/keys',
      schema: {
        summary: 'Public keys of the gateway for SSH: its own, and that of its authority',
        tags: ['targets'],
        response: gives(sshKeys),
      },
      handler: async (request): Promise<SshKeysView> => {
        callerOf(request, services);
        const host_key = services.gateway.sshHostKey?.() ?? null;
        const user_authority = services.gateway.sshUserAuthority?.() ?? null;
        if (host_key === null || user_authority === null) throw notFound('SSH on this gateway');
        return { host_key, user_authority };
      },
    });

    app.route({
      method: 'GET',
      url: '/webhooks/deliveries',
      schema: {
        summary: 'What was posted to webhooks, newest first',
        tags: ['webhooks'],
        querystring: z.strictObject({ hold: filter, ...paging }),
        response: gives(pageOf(deliveryView)),
      },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing webhook deliveries');
        const { hold, cursor, limit } = request.query;
        return services.webhooks.deliveries({ holdId: hold ?? null, cursor: cursor ?? null, limit });
      },
    });

    app.route({
      method: 'GET',
      url: '/people',
      schema: { summary: 'People and machines', tags: ['people'], response: gives(pageOf(personView)) },
      handler: async (request) => {
        mustHave(callerOf(request, services), ['operate', 'audit'], 'seeing everybody');
        return { items: identity.people().map(personOf), next: null };
      },
    });

    for (const [word, disabled] of [
      ['disable', true],
      ['enable', false],
    ] as const) {
      app.route({
        method: 'POST',
        url: `/people/:name/${word}`,
        schema: {
          summary: disabled ? 'Shut somebody out at once' : 'Let somebody in again',
          tags: ['people'],
          params: nameParams,
          body: noBody,
          response: gives(personView),
        },
        handler: async (request) => {
          const caller = callerOf(request, services);
          mustHave(caller, ['operate'], 'disabling and enabling people');
          if (disabled) mustNotBeSelf(caller, request.params.name);
          identity.setDisabled(request.params.name, disabled, caller.principal.name);
          const person = identity.people().find(({ name }) => name === request.params.name);
          if (person === undefined) throw notFound(`person "${request.params.name}"`);
          return personOf(person);
        },
      });
    }
  };
}

function agentWords(agent: AgentSelector): string {
  if (agent.kind === 'name') return agent.name;
  return Object.entries(agent.labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(', ');
}

export function meOf({ principal, rights }: Caller): Me {
  const { name, displayName, kind, groups } = principal;
  return { name, display_name: displayName, kind, groups, rights };
}

function personOf({ name, displayName, kind, groups, disabled }: PersonInfo): PersonView {
  return { name, display_name: displayName, kind, groups, disabled };
}

/** The line to paste, without a token; in words where the protocol is not served. */
function connectLine({ gateway }: ApiServices, target: Pick<Target, 'name' | 'protocol'>, person: string): string {
  const address = addressOf(gateway, target.protocol);
  if (address === null) return `this gateway does not serve ${target.protocol}`;
  return lines[target.protocol](address.host, address.port, word(person), word(target.name));
}

/** Where clients reach a protocol: the public name when it listens everywhere. */
function addressOf(gateway: ApiServices['gateway'], protocol: Protocol): { readonly host: string; readonly port: number } | null {
  const address = gateway.addressOf(protocol);
  if (address === null || (address.host !== '0.0.0.0' && address.host !== '::')) return address;
  return { host: new URL(gateway.publicUrl()).hostname.replaceAll(/[[\]]/g, ''), port: address.port };
}

function gatewayOf({ gateway }: ApiServices, protocol: Protocol): Pick<TargetView, 'gateway'> {
  const address = addressOf(gateway, protocol);
  if (address === null) return {};
  const hostKey = protocol === 'ssh' ? (gateway.sshHostKey?.() ?? null) : null;
  return { gateway: { ...address, ...(hostKey === null ? {} : { host_key: hostKey }) } };
}

const lines: Readonly<Record<Protocol, (host: string, port: number, person: string, target: string) => string>> = {
  postgres: (host, port, person, target) => `psql -h ${host} -p ${port} -U ${person} -d ${target}`,
  mysql: (host, port, person, target) => `mysql -h ${host} -P ${port} -u ${person} -p ${target}`,
  ssh: (host, port, person, target) => `ssh -p ${port} ${person}:${target}@${host}`,
};

/** Quoted for a shell where that is needed: the line is made to be pasted. */
function word(text: string): string {
  return /^[\w.@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
