// What a SCIM client may ask about this server (RFC 7643, 5 to 7; RFC 7644, 4): what it can do, what it has, and which attributes count.

import { groupSchema, userSchema } from './scim-messages.ts';
import type { Attributes } from './scim-messages.ts';

export function serviceProviderConfig(filterMax: number, location: string): Attributes {
  return {
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig'],
    patch: { supported: true },
    bulk: { supported: false, maxOperations: 0, maxPayloadSize: 0 },
    filter: { supported: true, maxResults: filterMax },
    changePassword: { supported: false },
    sort: { supported: false },
    etag: { supported: false },
    authenticationSchemes: [{ type: 'oauthbearertoken', name: 'Bearer token', description: 'The token of this client' }],
    meta: { resourceType: 'ServiceProviderConfig', location },
  };
}

export function resourceTypes(base: string): Attributes[] {
  return (['User', 'Group'] as const).map((id) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:ResourceType'],
    id,
    name: id,
    endpoint: `/${id}s`,
    description: id === 'User' ? 'Somebody who may sign in' : 'Users together; the configuration says which groups here it stands for',
    schema: id === 'User' ? userSchema : groupSchema,
    schemaExtensions: [],
    meta: { resourceType: 'ResourceType', location: `${base}/ResourceTypes/${id}` },
  }));
}

export function schemas(base: string): Attributes[] {
  const [user, group] = [
    [
      text('userName', "The person's name here", { required: true, uniqueness: 'server' }),
      complex(
        'name',
        'The display name is made of it where none is given',
        false,
        ['formatted', 'familyName', 'givenName'].map((it) => text(it)),
      ),
      text('displayName', 'As others see them'),
      { ...text('active', 'False: may not act any more, at once'), type: 'boolean' },
      complex('emails', 'Kept for the client; nothing is sent there', true, [
        text('value'),
        text('type'),
        text('display'),
        { ...text('primary'), type: 'boolean' },
      ]),
      complex('groups', 'What the user is a member of', true, [text('value'), text('display')], 'readOnly'),
    ],
    [
      text('displayName', 'What the configuration calls it', { required: true, uniqueness: 'server' }),
      complex('members', 'Users', true, [text('value', "The user's id", { required: true })]),
    ],
  ];
  const external = text('externalId', "The client's own id", { caseExact: true });
  return [
    { id: userSchema, name: 'User', attributes: [...user, external] },
    { id: groupSchema, name: 'Group', attributes: [...group, external] },
  ].map((schema) => ({
    schemas: ['urn:ietf:params:scim:schemas:core:2.0:Schema'],
    ...schema,
    description: schema.name,
    meta: { resourceType: 'Schema', location: `${base}/Schemas/${schema.id}` },
  }));
}

function text(name: string, description = '', more: Attributes = {}): Attributes {
  const plain = { multiValued: false, required: false, caseExact: false, mutability: 'readWrite', returned: 'default', uniqueness: 'none' };
  return { name, type: 'string', description, ...plain, ...more };
}

function complex(
  name: string,
  description: string,
  multiValued: boolean,
  subAttributes: Attributes[],
  mutability = 'readWrite',
): Attributes {
  return { ...text(name, description), type: 'complex', multiValued, mutability, subAttributes };
}
