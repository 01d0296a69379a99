// SCIM 2.0 as Okta and Entra ID speak it, and what de-provisioning does to somebody who is at work.

import t from 'tap';
import type { HoldView } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway, targetOf } from '../support/gateway.ts';
import { startPostgres } from '../support/postgres.ts';
import { start } from '../support/processes.ts';
import { tool } from '../support/tools.ts';

type Json = Record<string, unknown>;

const token = 'a-token-of-the-scim-client-of-the-tests';

const policy = `
policy: guarded
rules:
  - { id: connect, actions: [connect], principals: { groups: [engineers] }, decision: allow }
  - { id: reads, effects: { access: [read, session] }, decision: allow }
  - { id: writes, otherwise: true, decision: hold, approvers: { groups: [dba], count: 2 } }
`;

t.test('SCIM', async (t) => {
  const server = await startPostgres(t);
  await server.sql('CREATE TABLE payments (id int)');
  process.env['SCIM_TEST_TOKEN'] = token;
  const gateway = await startTestGateway(t, {
    targets: [targetOf(server, 'orders', { env: 'production' })],
    policies: { 'guarded.yaml': policy },
    config: {
      sign_in: { scim: [{ name: 'okta', token_env: 'SCIM_TEST_TOKEN', groups: { Engineering: ['engineers'], DBAs: ['dba'] } }] },
    },
  });
  const ask = async (method: string, path: string, body?: Json, bearer = token) => {
    const response = await fetch(`${gateway.http}/scim/v2${path}`, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { 'content-type': 'application/scim+json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Json, type: response.headers.get('content-type') };
  };
  const add = async (userName: string, more: Json = {}) =>
    String((await ask('POST', '/Users', { userName, active: true, ...more })).body['id']);

  await t.test('only its own token counts', async (t) => {
    t.match(await ask('GET', '/Users', undefined, 'wrong'), { status: 401, body: { status: '401' } });
    t.equal((await ask('GET', '/Users', undefined, gateway.token('erin'))).status, 401, 'not an operator of ours either');
    t.match(await ask('GET', '/ServiceProviderConfig'), {
      status: 200,
      type: /application\/scim\+json/,
      body: { patch: { supported: true } },
    });
  });

  const maria = await add('maria@example.com', { externalId: 'x-1', name: { givenName: 'Maria', familyName: 'Meier' } });
  const groups = new Map<string, string>();

  await t.test('users: filter, pages, conflicts, words', async (t) => {
    t.match(await ask('POST', '/Users', { userName: 'MARIA@example.com' }), { status: 409, body: { scimType: 'uniqueness' } });
    t.match(await ask('POST', '/Users', { userName: 'no spaces allowed' }), { status: 400, body: { scimType: 'invalidValue' } });
    const found = await ask('GET', `/Users?filter=${encodeURIComponent('userName eq "maria@example.com"')}`);
    t.match(found.body, { totalResults: 1, Resources: [{ id: maria, displayName: 'Maria Meier', externalId: 'x-1', active: true }] });
    t.match((await ask('GET', `/Users?filter=${encodeURIComponent('userName eq "nobody"')}`)).body, { totalResults: 0, Resources: [] });
    t.match(await ask('GET', `/Users?filter=${encodeURIComponent('userName gt "a"')}`), {
      status: 400,
      body: { scimType: 'invalidFilter' },
    });
    t.match(await ask('GET', `/Users?filter=${encodeURIComponent('userName eq "a\\x"')}`), {
      status: 400,
      body: { scimType: 'invalidFilter' },
    });
    await add('zoe@example.com');
    t.match((await ask('GET', '/Users?startIndex=2&count=1')).body, { totalResults: 2, startIndex: 2, itemsPerPage: 1 });
    t.equal((await ask('GET', '/Users/nobody')).status, 404);
  });

  await t.test('what the server has and can is told', async (t) => {
    t.match(await ask('GET', '/ResourceTypes/User'), { status: 200, body: { endpoint: '/Users', schema: /core:2.0:User$/ } });
    const { body } = await ask('GET', '/Schemas');
    t.match(body, { totalResults: 2, Resources: [{ name: 'User' }, { name: 'Group' }] });
    for (const { id, attributes } of body['Resources'] as { id: string; attributes: { name: string; type: string }[] }[]) {
      t.match(await ask('GET', `/Schemas/${id}`), { status: 200, body: { id } });
      t.ok(attributes.every(({ name, type }) => name !== '' && ['string', 'boolean', 'complex'].includes(type)));
    }
    t.match(await ask('GET', '/Schemas/urn:nothing'), { status: 404, body: { status: '404' } });
  });

  await t.test('a user as Okta sends it is read back as it was written, in part where only a part is asked for', async (t) => {
    const written = {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'test.user@okta.local',
      name: { givenName: 'Test', familyName: 'User' },
      emails: [{ primary: true, value: 'test.user@okta.local', type: 'work' }],
      displayName: 'Test User',
      locale: 'en-US',
      externalId: '00ujl29u0le5T6Aj10h7',
      groups: [],
      password: '1mz050nq',
      active: true,
    };
    const { locale: _locale, password: _password, schemas: _schemas, groups: _groups, ...kept } = written;
    const added = await ask('POST', '/Users', written);
    t.match(added, { status: 201, body: kept });
    t.notMatch(JSON.stringify(added.body), /1mz050nq/);
    const id = String(added.body['id']);
    const get = async (query: string) => (await ask('GET', `/Users/${id}?${query}`)).body;
    t.same(Object.keys(await get('attributes=userName,name.givenName')), ['schemas', 'id', 'userName', 'name']);
    t.same((await get('attributes=userName,name.givenName'))['name'], { givenName: 'Test' });
    t.same((await get('attributes=urn:ietf:params:scim:schemas:core:2.0:User:userName'))['userName'], 'test.user@okta.local');
    t.notOk('emails' in (await get('excludedAttributes=emails,id')));
    t.ok('id' in (await get('excludedAttributes=emails,id')));
    t.match((await ask('GET', '/Users?attributes=userName')).body['Resources'], [{ id: String, userName: String }]);
    const off = { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [{ op: 'replace', value: { active: false } }] };
    t.match(await ask('PATCH', `/Users/${id}`, off), { status: 200, body: { ...kept, active: false } });
    t.equal((await ask('DELETE', `/Users/${id}`)).status, 204);
  });

  await t.test('a user as Entra ID sends it: paths with filters, extensions, roles', async (t) => {
    const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
    const added = await ask('POST', '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User', enterprise],
      externalId: '0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef',
      userName: 'Test_User_ab6490ee@example.com',
      active: true,
      emails: [{ primary: true, type: 'work', value: 'ab6490ee@example.com' }],
      meta: { resourceType: 'User' },
      name: { formatted: 'givenName familyName', familyName: 'familyName', givenName: 'givenName' },
      roles: [],
    });
    t.match(added, { status: 201, body: { displayName: 'givenName familyName' } });
    const path = `/Users/${String(added.body['id'])}`;
    const change = {
      Operations: [
        { op: 'Replace', path: 'emails[type eq "work"].value', value: 'updatedEmail@example.com' },
        { op: 'Replace', path: 'name.familyName', value: 'updatedFamilyName' },
        { op: 'Add', path: 'emails[type eq "home"].value', value: 'home@example.com' },
        { op: 'Add', path: `${enterprise}:department`, value: 'Sales' },
        { op: 'Add', path: 'roles[primary eq "True"].value', value: 'x' },
      ],
    };
    const expected = {
      displayName: 'givenName updatedFamilyName',
      name: { givenName: 'givenName', familyName: 'updatedFamilyName' },
      emails: [
        { type: 'work', value: 'updatedEmail@example.com', primary: true },
        { type: 'home', value: 'home@example.com' },
      ],
    };
    t.match(await ask('PATCH', path, change), { status: 200, body: expected });
    const asObject = { Operations: [{ op: 'add', value: { 'name.givenName': 'Other', 'emails[type eq "work"].value': 'o@example.com' } }] };
    t.match((await ask('PATCH', path, asObject)).body, { displayName: 'Other updatedFamilyName', emails: [{ value: 'o@example.com' }] });
    const said = {
      Operations: [
        { op: 'Replace', path: 'displayName', value: 'Said' },
        { op: 'Remove', path: 'emails[type eq "home"]' },
      ],
    };
    t.match((await ask('PATCH', path, said)).body, { displayName: 'Said', emails: [{ type: 'work' }] });
    t.match((await ask('PATCH', path, { Operations: [{ op: 'Replace', path: 'name.givenName', value: 'X' }] })).body, {
      displayName: 'Said',
    });
    const by = async (filter: string) => (await ask('GET', `/Users?filter=${encodeURIComponent(filter)}`)).body['totalResults'];
    t.equal(await by('externalId eq "0a21f0f2-8d2a-4f8e-bf98-7363c4aed4ef" and active eq true'), 1);
    t.equal(await by('emails eq "O@example.com"'), 1);
    t.equal(await by('emails[value eq "o@example.com"] and externalId pr'), 1);
    t.equal(await by('emails eq "o@example.com" and active eq false'), 0);
    t.equal(await by('emails co "@EXAMPLE" and (userName eq "nobody" or not (active eq false))'), 1);
    for (const filter of ['userName eq "a" and', 'not id pr', 'id'])
      t.match(
        await ask('GET', `/Users?filter=${encodeURIComponent(filter)}`),
        { status: 400, body: { scimType: 'invalidFilter' } },
        filter,
      );
    t.equal((await ask('DELETE', path)).status, 204);
  });

  await t.test('a group as both send it: without its members, one member asked for, renamed, members taken out', async (t) => {
    const added = await ask('POST', '/Groups', { displayName: 'Test SCIMv2', externalId: '8aa1a0c0', members: [] });
    const id = String(added.body['id']);
    const patch = (...Operations: Json[]) => ask('PATCH', `/Groups/${id}`, { Operations });
    t.match(await patch({ op: 'replace', value: { id, displayName: 'Test SCIMv22' } }), {
      status: 200,
      body: { displayName: 'Test SCIMv22' },
    });
    t.match((await patch({ op: 'Add', path: 'members', value: [{ $ref: null, value: maria }] })).body, { members: [{ value: maria }] });
    t.notOk('members' in (await ask('GET', `/Groups/${id}?excludedAttributes=members`)).body);
    const asked = async (filter: string) => (await ask('GET', `/Groups?attributes=id&filter=${encodeURIComponent(filter)}`)).body;
    t.same((await asked(`id eq "${id}" and members eq "${maria}"`))['Resources'], [{ schemas: added.body['schemas'], id }]);
    t.equal((await asked(`id eq "${id}" and members eq "nobody"`))['totalResults'], 0);
    t.equal((await asked(`members[value eq "${maria}"]`))['totalResults'], 1);
    t.same((await patch({ op: 'Remove', path: 'members', value: [{ $ref: null, value: maria }] })).body['members'], []);
    await patch({ op: 'add', path: 'members', value: [{ value: maria, display: 'maria@example.com' }] });
    t.same((await patch({ op: 'remove', path: `members[value eq "${maria}"]` })).body['members'], []);
    t.equal((await ask('DELETE', `/Groups/${id}`)).status, 204);
  });

  await t.test('whoever was shut out is let in again by `active: true` only', async (t) => {
    const out = await add('yan@example.com', { active: false });
    t.match(await ask('PUT', `/Users/${out}`, { userName: 'yan@example.com' }), { status: 200, body: { active: false } });
    const nothing = { Operations: [{ op: 'replace', path: 'active', value: null }] };
    t.match(await ask('PATCH', `/Users/${out}`, nothing), { status: 400, body: { scimType: 'invalidValue' } });
    t.match((await ask('GET', `/Users/${out}`)).body, { active: false });
    t.match(await ask('PUT', `/Users/${out}`, { userName: 'yan@example.com', active: true }), { status: 200, body: { active: true } });
    t.equal((await ask('DELETE', `/Users/${out}`)).status, 204);
  });

  await t.test('groups map to ours, by PATCH as well, and a group that is not named gives nothing', async (t) => {
    for (const displayName of ['Engineering', 'DBAs', 'Everybody']) {
      const members = displayName === 'Everybody' ? [{ value: maria }] : [];
      groups.set(displayName, String((await ask('POST', '/Groups', { displayName, members })).body['id']));
    }
    t.same(gateway.running.identity.person('maria@example.com')?.groups, []);
    const operation = { op: 'Add', path: 'members', value: [{ value: maria }] };
    const path = `/Groups/${groups.get('Engineering') ?? ''}`;
    t.equal((await ask('PATCH', path, { Operations: [operation] })).status, 200);
    t.same(gateway.running.identity.person('maria@example.com')?.groups, ['engineers']);
    t.match(await ask('PATCH', path, { Operations: [{ ...operation, value: [{ value: 'nobody' }] }] }), { status: 400 });
    t.match((await ask('GET', `/Users/${maria}`)).body['groups'], [{ display: 'Engineering' }, { display: 'Everybody' }]);
  });

  await t.test('deactivation (as Entra ID writes it) ends a live session and its pending hold within a second', async (t) => {
    const session = start(t, tool('psql', 'postgresql-client'), [
      gateway.url('maria@example.com', 'orders').replace('maria@', 'maria%40'),
      '-At',
    ]);
    session.write('DELETE FROM payments;\n');
    const hold = await gateway.api('bob').pendingHold('DELETE FROM payments;');
    const issued = gateway.token('maria@example.com');
    const atMs = performance.now();
    const off = { Operations: [{ op: 'Replace', path: 'active', value: 'False' }] };
    t.match(await ask('PATCH', `/Users/${maria}`, off), { status: 200, body: { active: false } });
    await eventually('the hold is withdrawn', async () => {
      const { body } = await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`);
      return body.state === 'withdrawn';
    });
    await session.waitFor(/may no longer sign in|terminating|closed the connection|withdrawn/);
    t.ok(performance.now() - atMs < 1000, `${Math.round(performance.now() - atMs)} ms`);
    session.endInput();
    await session.end();
    const again = await fetch(`${gateway.http}/api/v1/me`, { headers: { authorization: `Bearer ${issued}` } });
    t.equal(again.status, 401, 'her tokens are gone');
    t.equal(gateway.running.identity.tokens('maria@example.com').length, 0);
    await ask('PATCH', `/Users/${maria}`, { Operations: [{ op: 'replace', value: { active: true } }] });
    t.ok(gateway.running.identity.person('maria@example.com'), 'and she can be let in again');
  });

  await t.test('the approval of somebody who leaves falls out', async (t) => {
    const otto = await add('otto@example.com');
    await ask('PATCH', `/Groups/${groups.get('DBAs') ?? ''}`, { Operations: [{ op: 'add', path: 'members', value: [{ value: otto }] }] });
    const session = start(t, tool('psql', 'postgresql-client'), [gateway.url('alice', 'orders'), '-At']);
    session.write('DELETE FROM payments WHERE id = 1;\n');
    const hold = await gateway.api('bob').pendingHold('DELETE FROM payments WHERE id = 1;');
    // The right to approve stands in the configuration: dba.
    const answered = await gateway.api('otto@example.com').post<HoldView>(`/holds/${hold.id}/approve`);
    t.match(answered.body, { state: 'pending', approvals: [{ by: 'otto@example.com' }] });
    t.equal((await ask('DELETE', `/Users/${otto}`)).status, 204);
    t.equal(gateway.running.identity.isKnown('otto@example.com'), false);
    await eventually('the approval is gone', async () => {
      const { body } = await gateway.api('bob').get<HoldView>(`/holds/${hold.id}`);
      return body.approvals.length === 0;
    });
    await gateway.api('bob').post(`/holds/${hold.id}/deny`);
    session.endInput();
    await session.end();
  });

  await t.test('somebody of the configuration who is deleted elsewhere stays out here', async (t) => {
    const alice = await add('alice');
    t.equal((await ask('DELETE', `/Users/${alice}`)).status, 204);
    t.equal(gateway.running.identity.person('alice'), null);
  });

  await t.test('all of it survives a restart', async (t) => {
    await gateway.restart();
    t.same(gateway.running.identity.person('maria@example.com')?.groups, ['engineers']);
    t.equal(gateway.running.identity.person('alice'), null);
  });
});
