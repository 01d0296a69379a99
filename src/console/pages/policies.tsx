// The policies: the rules in force with how often each decided, their files, and the versions before. A banner says when a newer
// version on disk was not taken.

import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useState } from 'react';
import type { PolicyView, RuleUseView } from '../../api/contract.ts';
import { adminApi } from '../admin-api.ts';
import { Answered } from '../parts/answered.tsx';
import { Choice } from '../parts/fields.tsx';
import { Heading } from '../parts/heading.tsx';
import { Empty, Loading, Note, ProblemNote } from '../parts/notes.tsx';
import { Tag } from '../parts/tags.tsx';
import { Ago, At } from '../parts/time.tsx';
import { PolicyFile } from '../parts/yaml.tsx';
import { usePolicies } from '../queries.ts';
import { visibleLine, visibleText } from '../visible.ts';
import { plural } from '../words.ts';
import type { Tone } from '../words.ts';

const versionCharactersShown = 12;
const views = [
  { value: 'rules', label: 'Rules' },
  { value: 'files', label: 'Files' },
  { value: 'history', label: 'History' },
] as const;
type View = (typeof views)[number]['value'];

export default function PoliciesPage() {
  const policies = usePolicies();
  const [view, setView] = useState<View>('rules');
  if (policies.data === undefined) {
    return policies.error === null ? (
      <Loading />
    ) : (
      <div className="page">
        <ProblemNote error={policies.error} onRetry={() => void policies.refetch()} />
      </div>
    );
  }
  const { version, loaded_at: loadedAt, rejected, source } = policies.data;
  return (
    <div className="page">
      <div className="page-head">
        <Heading>Policies</Heading>
        <span className="dim">
          version <Version version={version} />, loaded <Ago at={loadedAt} />
          {source === undefined ? null : <Commit source={source} />}
        </span>
        <div className="end">
          <SegmentedControl size="xs" aria-label="View" data={[...views]} value={view} onChange={(value) => setView(value as View)} />
        </div>
      </div>
      {rejected.length === 0 ? null : (
        <div role="alert">
          <Note tone="bad" icon={<IconAlertTriangle size={18} />}>
            <b>The newest files on disk were not taken. What you see below stays in force.</b>
            {'\n'}
            {visibleText(rejected.join('\n'))}
          </Note>
        </div>
      )}
      {view === 'rules' ? <Rules rules={policies.data.rules ?? []} /> : view === 'files' ? <Files policies={policies.data} /> : <History />}
    </div>
  );
}

/** The commit in force, where the policies come from a git repository. */
function Commit({ source }: { readonly source: NonNullable<PolicyView['source']> }) {
  const { commit, ref, author, subject, signed_by: signedBy } = source;
  return (
    <>
      , commit <Version version={commit} /> of {visibleLine(ref)} by {visibleLine(author)}: “{visibleLine(subject)}”
      {signedBy === null ? ', not signed' : `, signed by ${visibleLine(signedBy)}`}
    </>
  );
}

function Version({ version }: { readonly version: string }) {
  return (
    <span className="mono" title={version}>
      {version.slice(0, versionCharactersShown)}
    </span>
  );
}

const decisions: Readonly<Record<RuleUseView['decision'], { readonly tone: Tone; readonly words: string }>> = {
  allow: { tone: 'ok', words: 'allow' },
  hold: { tone: 'wait', words: 'hold' },
  deny: { tone: 'bad', words: 'deny' },
};

function Rules({ rules }: { readonly rules: readonly RuleUseView[] }) {
  const [shown, setShown] = useState<'all' | 'used' | 'never'>('all');
  const never = rules.filter((rule) => rule.fired === 0).length;
  const most = Math.max(1, ...rules.map((rule) => rule.fired));
  const items = rules.filter((rule) => shown === 'all' || (shown === 'never') === (rule.fired === 0));
  return (
    <section className="panel" aria-label="Rules">
      <header>
        <h2>{plural(rules.length, 'rule')}</h2>
        <span className="dim">
          {never === 0 ? 'all have decided something' : `${never} never decided anything`} since this version was loaded
        </span>
        <div className="end">
          <Choice
            label="Rules shown"
            value={shown}
            options={[
              ['all', 'All rules'],
              ['used', 'Those that decided'],
              ['never', 'Those that never did'],
            ]}
            onChange={setShown}
          />
        </div>
      </header>
      {items.length === 0 ? (
        <Empty title="No such rule" />
      ) : (
        items.map((rule) => (
          <div key={rule.id} className="list-row rule-row" data-unused={rule.fired === 0 ? '' : undefined}>
            <span>
              <Tag tone={decisions[rule.decision].tone}>{decisions[rule.decision].words}</Tag>
            </span>
            <span className="list-main">
              <strong>{visibleLine(rule.title)}</strong>
              <small className="mono dim break">{rule.id}</small>
            </span>
            <span className="rule-use">
              {rule.fired === 0 ? (
                <span className="dim">never</span>
              ) : (
                <>
                  <span className="number">{rule.fired.toLocaleString('en')} ×</span>
                  {rule.last_fired_at === null ? null : (
                    <small className="dim">
                      last <Ago at={rule.last_fired_at} />
                    </small>
                  )}
                </>
              )}
              <meter min={0} max={most} value={rule.fired} aria-hidden="true" />
            </span>
          </div>
        ))
      )}
    </section>
  );
}

function Files({ policies }: { readonly policies: PolicyView }) {
  if (policies.files.length > 0) return policies.files.map((file) => <PolicyFile key={file.path} {...file} />);
  return (
    <section className="panel">
      <Empty title="No policy file">
        <p>Without a policy every statement is denied.</p>
      </Empty>
    </section>
  );
}

function History() {
  const versions = useQuery({ queryKey: ['policy-versions'], queryFn: ({ signal }) => adminApi.policyVersions(signal) });
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <section className="panel" aria-label="Versions">
        <Answered of={versions}>
          {({ items }) =>
            items.map(({ version, loaded_at: loadedAt, files }, number) => (
              <button
                key={`${version} ${loadedAt}`}
                type="button"
                className="list-row"
                aria-pressed={open === version}
                onClick={() => setOpen(open === version ? null : version)}
              >
                <span className="list-main">
                  <strong>
                    <Version version={version} />
                  </strong>
                  <small className="dim">{files.join(', ')}</small>
                </span>
                <span className="list-facts">
                  <span>
                    loaded <At at={loadedAt} date />
                  </span>
                </span>
                <span className="list-end">{number === 0 ? <Tag tone="ok">in force</Tag> : null}</span>
              </button>
            ))
          }
        </Answered>
      </section>
      {open === null ? <p className="dim">Choose a version to read its files as they were.</p> : <VersionFiles key={open} version={open} />}
    </>
  );
}

function VersionFiles({ version }: { readonly version: string }) {
  const text = useQuery({
    queryKey: ['policy-version', version],
    queryFn: ({ signal }) => adminApi.policyVersion(version, signal),
    staleTime: Infinity,
  });
  return <Answered of={text}>{({ files }) => files.map((file) => <PolicyFile key={file.path} {...file} />)}</Answered>;
}
