// The target's own error against a sign-in of the gateway's, and what of it the client hears.

import { Fault } from '../../src/core/errors.ts';
import type { TargetDiagnostic } from './messages.ts';

export class TargetRefused extends Fault {
  readonly error: TargetDiagnostic;

  constructor(doing: string, error: TargetDiagnostic) {
    super('target-sign-in-failed', `${doing}: ${error.message}`);
    this.error = error;
  }
}

/**
 * What the target says of the database or the settings that the client wants, or of itself just now: clients know what to do (try again, try the
 * next host, create the database). Its other errors of a sign-in are about the gateway's account, and clients would take them for their own.
 */
const clientsOwn: ReadonlySet<string> = new Set([
  '22023', // invalid_parameter_value: a start-up setting, or its role
  '3D000', // invalid_catalog_name
  '42501', // insufficient_privilege: to connect to that database, to make that setting
  '42704', // undefined_object: a setting that it has not
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '55000', // object_not_in_prerequisite_state: a database that takes no connections
  '55P02', // cant_change_runtime_param
  '57P01', // admin_shutdown
  '57P03', // cannot_connect_now: starting, recovering or stopping
]);

/** The target's error, when it is the client's business. */
export function clientsBusiness(thrown: unknown): TargetDiagnostic | null {
  return thrown instanceof TargetRefused && clientsOwn.has(thrown.error.code) ? thrown.error : null;
}
