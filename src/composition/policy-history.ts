// Policies as the API shows them: what is in force, how often each rule decided, and the versions before.

import type { PolicyView } from '../api/contract.ts';
import type { ApiServices } from '../api/services.ts';
import type { Log } from '../core/driver.ts';
import { messageOf } from '../core/errors.ts';
import type { Db } from '../store/database.ts';
import { PolicyVersionStore } from '../store/policy-versions.ts';
import { ruleUseView } from './api-services.ts';
import type { OpenPolicies } from './policy-source.ts';

/** `policies` is asked when it is needed: it is opened before its listener can be told of it. */
export function apiPolicies(
  db: Db,
  log: Log,
  policies: () => OpenPolicies,
  loadedAtMs: () => number,
): ApiServices['policies'] & { noteLoaded(): void } {
  const store = new PolicyVersionStore(db);
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    /** Policies in force matter more than their history: a store that fails is told, and nothing else happens. */
    noteLoaded: () => {
      try {
        store.note({ version: policies().current().version, loadedAtMs: loadedAtMs(), files: policies().files() });
      } catch (thrown) {
        log.error({ err: messageOf(thrown) }, 'the history of policies could not be written');
      }
    },
    current: () => ({
      version: policies().current().version,
      loaded_at: iso(loadedAtMs()),
      files: policies().files(),
      rejected: policies().rejected(),
      ...sourceOf(policies()),
      rules: policies().current().ruleUse().map(ruleUseView),
    }),
    versions: () =>
      store.list().map(({ version, loadedAtMs: atMs, files }) => ({ version, loaded_at: iso(atMs), files: files.map(({ path }) => path) })),
    version: (version) => {
      const found = store.get(version);
      return found === undefined ? null : { version, loaded_at: iso(found.loadedAtMs), files: found.files };
    },
  };
}

function sourceOf(policies: OpenPolicies): Pick<PolicyView, 'source'> {
  const source = policies.source?.();
  if (source === undefined) return {};
  const { url, ref, id, author, committedAt, subject, signedBy } = source;
  return { source: { url, ref, commit: id, author, committed_at: committedAt, subject, signed_by: signedBy } };
}
