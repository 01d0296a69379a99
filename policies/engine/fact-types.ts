// The declared world of a condition: which facts there are, with their types and meaning. A name that is not here does not load.

import {
  ActionFact,
  ApprovalFact,
  EffectFact,
  GrantFact,
  GrantStateFact,
  HistoryFact,
  PrincipalFact,
  RequestFact,
  SessionFact,
  TargetFact,
} from './facts.ts';
import { signInMethods, textProblems } from './vocabulary.ts';
import { TimeFact } from './zone-time.ts';

interface FactField {
  readonly type: string;
  readonly words: string;
}

interface FactType {
  readonly ctor: new (...parts: never[]) => object;
  readonly fields: Readonly<Record<string, FactField>>;
}

/** Types by name; the order matters, because a type must be declared before it is used in another. */
export const factTypes: Readonly<Record<string, FactType>> = {
  Principal: {
    ctor: PrincipalFact,
    fields: {
      name: { type: 'string', words: 'name of the person or machine' },
      groups: { type: 'list<string>', words: 'the groups of the principal' },
      kind: { type: 'string', words: 'person, machine or ai-agent' },
    },
  },
  Target: {
    ctor: TargetFact,
    fields: {
      name: { type: 'string', words: 'name of the target' },
      protocol: { type: 'string', words: 'postgres, mysql or ssh' },
      labels: {
        type: 'map<string, string>',
        words: 'labels of the target; reading one that is missing fails, so ask `"x" in target.labels`',
      },
    },
  },
  Session: {
    ctor: SessionFact,
    fields: {
      client_address: { type: 'string', words: 'IP address of the client' },
      tls: { type: 'bool', words: 'is the connection of the client encrypted' },
      method: { type: 'string', words: `how the person signed in: ${signInMethods.join(', ')}` },
      database: { type: 'string', words: 'database the session is in; empty where there is none' },
      second_factor_age: { type: 'double', words: 'seconds since the person proved a second factor; huge where none was proved' },
      reason: { type: 'string', words: "what the session says it is for (SET sallyport.reason = '…'); empty where it has said nothing" },
    },
  },
  Effect: {
    ctor: EffectFact,
    fields: {
      verb: { type: 'string', words: 'what is done: drop, update, …' },
      access: { type: 'string', words: 'read, session, write or unknown' },
      object: { type: 'string', words: 'name of the object, schema first; empty where there is none' },
      object_kind: { type: 'string', words: 'table, view, function, …' },
    },
  },
  Action: {
    ctor: ActionFact,
    fields: {
      kind: { type: 'string', words: 'connect, statement, command, …' },
      text: { type: 'string', words: 'exactly what was asked; effects are the better question' },
      understood: { type: 'bool', words: 'could the text be read' },
      problem: {
        type: 'string',
        words: `why it could not: ${textProblems.join(', ')}; else empty`,
      },
      kinds: { type: 'list<string>', words: 'statement kinds, lower case: "select", "drop table"' },
      verbs: { type: 'list<string>', words: 'verbs of all effects' },
      access: { type: 'string', words: 'the strongest access of any effect: unknown > write > session > read' },
      effects: { type: 'list<Effect>', words: 'everything the action would do' },
      tables: { type: 'list<string>', words: 'tables and views named, read or written' },
      tables_written: { type: 'list<string>', words: 'tables and views that are written' },
      columns: {
        type: 'list<string>',
        words: "columns read or written, schema and table first; where it can't be told which, the condition fails",
      },
      columns_read: { type: 'list<string>', words: 'columns read in any way, down to the tables below a view' },
      columns_asked: { type: 'list<string>', words: 'those of them that something depends on: WHERE, JOIN, GROUP BY, ORDER BY, CASE' },
      columns_written: { type: 'list<string>', words: 'columns assigned to, loaded into, dropped or renamed' },
      functions: { type: 'list<string>', words: 'functions called' },
      missing_where: { type: 'bool', words: 'an UPDATE or DELETE reaches every row' },
      in_transaction: { type: 'bool', words: 'a transaction is open' },
      statement_count: { type: 'double', words: 'how many statements the text has' },
      estimated_rows: {
        type: 'double',
        words: 'rows that it would change, remove or give back at most, by the statistics of the target; not known: the condition fails',
      },
      parameters: { type: 'list<string>', words: 'bound parameters as text; NULL reads as an empty text' },
    },
  },
  Time: {
    ctor: TimeFact,
    fields: {
      hour: { type: 'double', words: '0 to 23' },
      minute: { type: 'double', words: '0 to 59' },
      weekday: { type: 'string', words: 'monday to sunday' },
      date: { type: 'string', words: 'such as "2026-11-21"; texts compare in order' },
    },
  },
  History: {
    ctor: HistoryFact,
    fields: {
      first_time: { type: 'bool', words: 'the first session of this person on this target' },
      sessions_before: { type: 'double', words: 'sessions of this person on this target before this one; at most 1,000' },
      unusual_hour: { type: 'bool', words: 'the person has opened 20 sessions or more in the last 90 days, and none around this hour' },
      actions_last_minute: { type: 'double', words: 'actions of this person on this target in the last 60 seconds, without this one' },
      denials_last_minute: { type: 'double', words: 'those of them that were denied' },
    },
  },
  Approval: {
    ctor: ApprovalFact,
    fields: {
      by: { type: 'string', words: 'who said yes' },
      groups: { type: 'list<string>', words: 'groups of that person' },
    },
  },
  Grant: {
    ctor: GrantFact,
    fields: {
      id: { type: 'string', words: 'its number' },
      role: { type: 'string', words: 'the role or account it is for; empty: none in particular' },
      read_only: { type: 'bool', words: 'it reaches only what changes nothing' },
      tables: { type: 'list<string>', words: 'the tables it is limited to; empty: not limited' },
      break_glass: { type: 'bool', words: 'the glass was broken for it' },
      rule: { type: 'string', words: 'the access rule that it was given by, such as "production/on-call"' },
      reason: { type: 'string', words: 'why it was asked for' },
      minutes_left: { type: 'double', words: 'minutes until it ends' },
    },
  },
  Request: {
    ctor: RequestFact,
    fields: {
      reason: { type: 'string', words: 'why access is asked for; in access rules only' },
    },
  },
  GrantState: {
    ctor: GrantStateFact,
    fields: {
      active: { type: 'bool', words: 'the person has access for a while to this target' },
      break_glass: { type: 'bool', words: 'one of the grants was given by breaking the glass' },
    },
  },
};

/** The variables of a condition; `lists` and `conditions` are added for each file. */
export const factVariables: Readonly<Record<string, string>> = {
  principal: 'Principal',
  target: 'Target',
  session: 'Session',
  action: 'Action',
  time: 'Time',
  history: 'History',
  approvals: 'list<Approval>',
  grant: 'GrantState',
  grants: 'list<Grant>',
  request: 'Request',
};

/** What a condition is evaluated on. */
export interface FactValues {
  readonly principal: PrincipalFact;
  readonly target: TargetFact;
  readonly session: SessionFact;
  readonly action: ActionFact;
  readonly time: TimeFact;
  readonly history: HistoryFact;
  readonly approvals: readonly ApprovalFact[];
  readonly grant: GrantStateFact;
  readonly grants: readonly GrantFact[];
  readonly request: RequestFact;
}
