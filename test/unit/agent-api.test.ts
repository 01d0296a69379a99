// Agents over the HTTP API and in the whole gateway: rights, enrolment, listing, revocation.

import t from 'tap';
import type { AgentView, EnrolmentTokenIssued, EnrolmentTokenView, Page, Problem } from '../../src/api/contract.ts';
import { eventually } from '../support/eventually.ts';
import { startTestGateway } from '../support/gateway.ts';
import { agentOf } from './agent-fixture.ts';

t.test('enrol, list, revoke', async (t) => {
  const gateway = await startTestGateway(t);
  const [erin, carol, alice] = [gateway.api('erin'), gateway.api('carol'), gateway.api('alice')];
  const issued = await erin.post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name: 'vpc', labels: { region: 'eu' } });
  t.match(issued, { status: 200, body: { token: /^spe_/, name: 'vpc', gateway: /^ws:\/\/127\.0\.0\.1:/ } });
  const agent = agentOf(t, { gateway: issued.body.gateway, token: issued.body.token });
  const list = async () => (await carol.get<Page<AgentView>>('/agents')).body.items;
  await eventually('it is linked', async () => (await list())[0]?.connected);
  t.match(await list(), [{ name: 'vpc', labels: { region: 'eu' }, enrolled_by: 'erin', connected: true, allow: ['127.0.0.1:*'] }]);
  for (const [answer, words] of [
    [await alice.get<Problem>('/agents'), /seeing agents needs the right operate or audit/],
    [await carol.post<Problem>('/agents/enrolment-tokens', { name: 'x' }), /enrolling agents needs the right operate/],
  ] as const) {
    t.equal(answer.status, 403);
    t.match(answer.body.detail, words);
  }
  const remove = (person: string, name: string) =>
    fetch(`${gateway.http}/api/v1/agents/${name}`, { method: 'DELETE', headers: { authorization: `Bearer ${gateway.token(person)}` } });
  t.equal((await remove('carol', 'vpc')).status, 403);
  t.equal((await remove('erin', 'nobody')).status, 404);
  t.same(await (await remove('erin', 'vpc')).json(), { revoked: 1 });
  t.match(await agent.ended, /was revoked/);
  t.same(await list(), []);
  for (const [body, words] of [
    [{ name: 'with space' }, /letters, digits/],
    [{ name: 'x', ttl_ms: 1 }, /at least/],
    [{ name: 'x', labels: { 'a b': 'c' } }, /not what this address takes/],
  ] as const) {
    const answer = await erin.post<Problem>('/agents/enrolment-tokens', body);
    t.equal(answer.status, 400);
    t.match(answer.body.detail, words);
  }
  const types = (await carol.get<Page<{ type: string }>>('/audit?limit=200')).body.items.map(({ type }) => type);
  for (const type of ['agent.token-issued', 'agent.enrolled', 'agent.connected', 'agent.lost', 'agent.revoked'])
    t.ok(types.includes(type), type);
});

t.test('enrolment tokens are listed without their value, and taken back', async (t) => {
  const gateway = await startTestGateway(t);
  const [erin, carol, alice] = [gateway.api('erin'), gateway.api('carol'), gateway.api('alice')];
  const remove = (person: string, id: string) =>
    fetch(`${gateway.http}/api/v1/agents/enrolment-tokens/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${gateway.token(person)}` },
    });
  const issue = (name: string) => erin.post<EnrolmentTokenIssued>('/agents/enrolment-tokens', { name, labels: { region: 'eu' } });
  const [used, unused] = [(await issue('used')).body, (await issue('unused')).body];
  const list = async () => (await carol.get<Page<EnrolmentTokenView>>('/agents/enrolment-tokens')).body.items;
  t.match(await list(), [{ name: 'used', created_by: 'erin', labels: { region: 'eu' } }, { name: 'unused' }]);
  t.notMatch(JSON.stringify(await list()), /spe_/);
  const agent = agentOf(t, { gateway: used.gateway, token: used.token });
  await eventually('it is linked', () => agent.isLinked);
  const [left, ...others] = await list();
  t.match([left, others], [{ name: 'unused' }, []], 'one that was used is not open any more');
  t.equal((await alice.get('/agents/enrolment-tokens')).status, 403);
  t.equal((await remove('carol', left?.id ?? '')).status, 403);
  t.same(await (await remove('erin', left?.id ?? '')).json(), { revoked: 1 });
  t.equal((await remove('erin', left?.id ?? '')).status, 404);
  const late = agentOf(t, { gateway: unused.gateway, token: unused.token });
  await eventually('it is refused', () => late.log.some(({ message }) => /token/.test(message)));
  t.notOk(late.isLinked);
  await eventually('it is in the audit log', async () =>
    (await carol.get<Page<{ type: string }>>('/audit')).body.items.some(({ type }) => type === 'agent.token-revoked'),
  );
});
