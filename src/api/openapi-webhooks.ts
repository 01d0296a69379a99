// What receivers of webhooks get, for the OpenAPI document: the same schemas as in replies, in an envelope.

type Schema = Readonly<Record<string, unknown>>;
type Schemas = Readonly<Record<string, unknown>>;

const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const object = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
});
const text: Schema = { type: 'string' };
const textOrNull: Schema = { type: ['string', 'null'] };
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
const page = { links: object({ console: text }) };
const answerLinks = {
  links: object({ console: text, approve: textOrNull, deny: textOrNull }),
  shortened: { type: 'boolean', description: 'Text or parameters are cut here; then there is no approve link.' },
};

/** What the events of one kind carry, made of the schemas of replies. */
const dataOf: Readonly<Record<'hold' | 'access' | 'shape' | 'session', (schemas: Schemas) => Schema>> = {
  hold: (schemas) => extended(schemas, 'Hold', answerLinks),
  access: () => object({ request: ref('AccessRequest'), grant: orNull(ref('Grant')), ...page }),
  shape: (schemas) => extended(schemas, 'Shape', page),
  session: (schemas) => extended(schemas, 'Session', page),
};

/** A named schema takes no more keys, so one with more is another. */
function extended(schemas: Schemas, name: string, more: Readonly<Record<string, Schema>>): Schema {
  const { properties = {}, required = [], ...rest } = schemas[name] as { properties?: object; required?: readonly string[] };
  return { ...rest, properties: { ...properties, ...more }, required: [...required, ...Object.keys(more)] };
}

/** Each event, and when it is sent. */
const events: Readonly<Record<string, string>> = {
  'hold.created': 'An action waits for people',
  'hold.progress': 'One of several approvals was given or taken back, or who may answer changed',
  'hold.escalated': 'Nobody answered; others may answer as well',
  'hold.settled': 'It is approved, denied, sent back for changes, expired or withdrawn',
  'access.requested': 'Somebody asks for access for a while, or for more time',
  'access.progress': 'One of several approvals was given, or who may answer changed',
  'access.granted': 'It is given, or lengthened; also at once, by the policies or by breaking the glass (break_glass)',
  'access.denied': 'It is refused',
  'access.closed': 'The request expired or was taken back',
  'access.ended': 'The access is over: its time, a revocation, idleness, the policies',
  'access.review-due': 'A break-glass access wants a review; again every day until it is done',
  'access.reviewed': 'Somebody else has looked at it',
  'shape.approved': 'The shape of a statement runs without asking for a while',
  'shape.ended': 'It does not any more',
  'session.closed': 'A session ended; only for webhooks that name this event',
};

/** The section `webhooks` of the document; `schemas` are its components. */
export function webhookDocument(schemas: Schemas): Readonly<Record<string, Schema>> {
  return Object.fromEntries(
    Object.entries(events).map(([type, summary]) => {
      const data = dataOf[type.split('.')[0] as keyof typeof dataOf](schemas);
      const schema = object({ type: { const: type }, timestamp: { type: 'string', format: 'date-time' }, data });
      const post = {
        summary,
        description: 'Signed as Standard Webhooks prescribes: webhook-id, webhook-timestamp, webhook-signature.',
        tags: ['webhooks'],
        requestBody: { required: true, content: { 'application/json': { schema } } },
        responses: { '2XX': { description: 'Taken. Anything else is tried again; 410 ends it.' } },
      };
      return [type, { post }];
    }),
  );
}
