// Statements that define, alter or administer: their kind in words, their effects and the objects they name. A table,
// because each row is a decision.

import type { EffectVerb, ObjectKind } from '../../../src/core/effect.ts';

export interface Definition {
  readonly kind: string;
  readonly verbs: readonly EffectVerb[];
  readonly object: ObjectKind;
}

const row = (kind: string, object: ObjectKind, ...verbs: EffectVerb[]): Definition => ({ kind, verbs, object });

/** Statement node to definition. DropStmt, RenameStmt and others whose kind depends on a field are in utility.ts. */
export const definitions: Readonly<Record<string, Definition>> = {
  AlterCollationStmt: row('alter collation', 'other', 'alter'),
  AlterDatabaseRefreshCollStmt: row('alter database', 'database', 'alter'),
  AlterDatabaseSetStmt: row('alter database', 'database', 'alter', 'guard'),
  AlterDatabaseStmt: row('alter database', 'database', 'alter'),
  AlterDefaultPrivilegesStmt: row('alter default privileges', 'none', 'privilege'),
  AlterDomainStmt: row('alter domain', 'other', 'alter'),
  AlterEnumStmt: row('alter type', 'other', 'alter'),
  AlterEventTrigStmt: row('alter event trigger', 'other', 'alter', 'guard'),
  AlterExtensionContentsStmt: row('alter extension', 'other', 'alter'),
  AlterExtensionStmt: row('alter extension', 'other', 'alter', 'code'),
  AlterFdwStmt: row('alter foreign data wrapper', 'other', 'alter', 'network'),
  AlterForeignServerStmt: row('alter server', 'other', 'alter', 'network'),
  AlterFunctionStmt: row('alter function', 'function', 'alter', 'code'),
  AlterObjectDependsStmt: row('alter depends', 'other', 'alter'),
  AlterOpFamilyStmt: row('alter operator family', 'other', 'alter', 'code'),
  AlterOperatorStmt: row('alter operator', 'other', 'alter', 'code'),
  AlterPolicyStmt: row('alter policy', 'table', 'alter', 'privilege'),
  AlterPublicationStmt: row('alter publication', 'other', 'alter', 'replication'),
  AlterRoleSetStmt: row('alter role', 'role', 'privilege', 'guard'),
  AlterRoleStmt: row('alter role', 'role', 'privilege'),
  AlterSeqStmt: row('alter sequence', 'sequence', 'alter', 'sequence'),
  AlterStatsStmt: row('alter statistics', 'other', 'alter'),
  AlterSubscriptionStmt: row('alter subscription', 'other', 'alter', 'replication', 'network'),
  AlterSystemStmt: row('alter system', 'setting', 'admin', 'guard'),
  AlterTSConfigurationStmt: row('alter text search configuration', 'other', 'alter'),
  AlterTSDictionaryStmt: row('alter text search dictionary', 'other', 'alter'),
  AlterTableMoveAllStmt: row('alter table', 'other', 'alter'),
  AlterTableSpaceOptionsStmt: row('alter tablespace', 'other', 'alter', 'admin'),
  AlterTypeStmt: row('alter type', 'other', 'alter'),
  AlterUserMappingStmt: row('alter user mapping', 'other', 'alter', 'network'),
  CheckPointStmt: row('checkpoint', 'none', 'admin'),
  ClusterStmt: row('cluster', 'table', 'maintenance'),
  CommentStmt: row('comment', 'other', 'alter'),
  CompositeTypeStmt: row('create type', 'other', 'create'),
  CreateAmStmt: row('create access method', 'other', 'create', 'code'),
  CreateCastStmt: row('create cast', 'other', 'create', 'code'),
  CreateConversionStmt: row('create conversion', 'other', 'create', 'code'),
  CreateDomainStmt: row('create domain', 'other', 'create'),
  CreateEnumStmt: row('create type', 'other', 'create'),
  CreateEventTrigStmt: row('create event trigger', 'other', 'create', 'code'),
  CreateExtensionStmt: row('create extension', 'other', 'create', 'code'),
  CreateFdwStmt: row('create foreign data wrapper', 'other', 'create', 'network'),
  CreateForeignServerStmt: row('create server', 'other', 'create', 'network'),
  CreateFunctionStmt: row('create function', 'function', 'create', 'code'),
  CreateOpClassStmt: row('create operator class', 'other', 'create', 'code'),
  CreateOpFamilyStmt: row('create operator family', 'other', 'create'),
  CreatePLangStmt: row('create language', 'other', 'create', 'code'),
  CreatePolicyStmt: row('create policy', 'table', 'create', 'privilege'),
  CreatePublicationStmt: row('create publication', 'other', 'create', 'replication'),
  CreateRangeStmt: row('create type', 'other', 'create', 'code'),
  CreateRoleStmt: row('create role', 'role', 'privilege'),
  CreateSchemaStmt: row('create schema', 'schema', 'create'),
  CreateSeqStmt: row('create sequence', 'sequence', 'create'),
  CreateStatsStmt: row('create statistics', 'other', 'create'),
  CreateStmt: row('create table', 'table', 'create'),
  CreateForeignTableStmt: row('create foreign table', 'table', 'create', 'network'),
  CreateSubscriptionStmt: row('create subscription', 'other', 'create', 'replication', 'network'),
  CreateTableSpaceStmt: row('create tablespace', 'other', 'create', 'server-file'),
  CreateTransformStmt: row('create transform', 'other', 'create', 'code'),
  CreateTrigStmt: row('create trigger', 'table', 'create', 'code'),
  CreateUserMappingStmt: row('create user mapping', 'other', 'create', 'network'),
  CreatedbStmt: row('create database', 'database', 'create'),
  DefineStmt: row('create', 'other', 'create', 'code'),
  DropOwnedStmt: row('drop owned', 'role', 'drop', 'privilege'),
  DropRoleStmt: row('drop role', 'role', 'privilege', 'drop'),
  DropSubscriptionStmt: row('drop subscription', 'other', 'drop', 'replication'),
  DropTableSpaceStmt: row('drop tablespace', 'other', 'drop'),
  DropUserMappingStmt: row('drop user mapping', 'other', 'drop'),
  DropdbStmt: row('drop database', 'database', 'drop'),
  GrantRoleStmt: row('grant role', 'role', 'privilege'),
  GrantStmt: row('grant', 'none', 'privilege'),
  ImportForeignSchemaStmt: row('import foreign schema', 'schema', 'create', 'network'),
  IndexStmt: row('create index', 'table', 'create'),
  LoadStmt: row('load', 'file', 'admin', 'code'),
  NotifyStmt: row('notify', 'none', 'notify'),
  ReassignOwnedStmt: row('reassign owned', 'role', 'privilege', 'alter'),
  ReindexStmt: row('reindex', 'table', 'maintenance'),
  ReplicaIdentityStmt: row('alter table', 'table', 'alter', 'replication'),
  RuleStmt: row('create rule', 'table', 'create', 'code'),
  SecLabelStmt: row('security label', 'other', 'privilege'),
};

const objectTypes: Readonly<Record<string, readonly [string, ObjectKind]>> = {
  OBJECT_TABLE: ['table', 'table'],
  OBJECT_VIEW: ['view', 'view'],
  OBJECT_MATVIEW: ['materialized view', 'view'],
  OBJECT_FOREIGN_TABLE: ['foreign table', 'table'],
  OBJECT_SEQUENCE: ['sequence', 'sequence'],
  OBJECT_INDEX: ['index', 'other'],
  OBJECT_SCHEMA: ['schema', 'schema'],
  OBJECT_DATABASE: ['database', 'database'],
  OBJECT_ROLE: ['role', 'role'],
  OBJECT_FUNCTION: ['function', 'function'],
  OBJECT_PROCEDURE: ['procedure', 'function'],
  OBJECT_ROUTINE: ['routine', 'function'],
  OBJECT_AGGREGATE: ['aggregate', 'function'],
  OBJECT_COLUMN: ['table', 'table'],
  OBJECT_TABCONSTRAINT: ['table', 'table'],
  OBJECT_TRIGGER: ['trigger', 'table'],
  OBJECT_RULE: ['rule', 'table'],
  OBJECT_POLICY: ['policy', 'table'],
  OBJECT_FDW: ['foreign data wrapper', 'other'],
  OBJECT_FOREIGN_SERVER: ['server', 'other'],
  OBJECT_TSCONFIGURATION: ['text search configuration', 'other'],
  OBJECT_TSDICTIONARY: ['text search dictionary', 'other'],
  OBJECT_TSPARSER: ['text search parser', 'other'],
  OBJECT_TSTEMPLATE: ['text search template', 'other'],
  OBJECT_STATISTIC_EXT: ['statistics', 'other'],
};

/** "OBJECT_MATVIEW" as words ("materialized view") and as an object kind. */
export function objectType(type: string): readonly [string, ObjectKind] {
  return (
    objectTypes[type] ?? [
      type
        .replace(/^OBJECT_/, '')
        .replaceAll('_', ' ')
        .toLowerCase() || 'object',
      'other',
    ]
  );
}
