// Which page stands at which address. Pages are loaded when first visited; those behind the frame need a signed-in person.

import { Redirect, Route, Switch, useLocation } from 'wouter';
import { ApiProblem } from './api.ts';
import { PageBoundary } from './parts/boundary.tsx';
import { later } from './parts/later.tsx';
import { Loading, ProblemNote } from './parts/notes.tsx';
import { Shell } from './parts/shell.tsx';
import { HoldsPage } from './pages/holds.tsx';
import { useMe } from './queries.ts';
import { rememberWayBack } from './way-back.ts';

const HoldPage = later(() => import('./pages/hold.tsx'));
const SessionsPage = later(() => import('./pages/sessions.tsx'));
const SessionPage = later(() => import('./pages/session.tsx'));
const AuditPage = later(() => import('./pages/audit.tsx'));
const AccessPage = later(() => import('./pages/access.tsx'));
const AccessRequestPage = later(() => import('./pages/access-request.tsx'));
const ApproversPage = later(() => import('./pages/approvers.tsx'));
const AgentsPage = later(() => import('./pages/agents.tsx'));
const TargetsPage = later(() => import('./pages/targets.tsx'));
const PeoplePage = later(() => import('./pages/people.tsx'));
const TokensPage = later(() => import('./pages/tokens.tsx'));
const DeliveriesPage = later(() => import('./pages/deliveries.tsx'));
const PoliciesPage = later(() => import('./pages/policies.tsx'));
const LoginPage = later(() => import('./pages/login.tsx'));
const AccountPage = later(() => import('./pages/account.tsx'));
const CliLoginPage = later(() => import('./pages/cli-login.tsx'));
const SignInPage = later(() => import('./pages/sign-in.tsx'));
const DecidePage = later(() => import('./pages/decide.tsx'));
const NotFoundPage = later(() => import('./pages/not-found.tsx'));

export function App() {
  return (
    <PageBoundary>
      <Switch>
        <Route path="/login">
          <LoginPage />
        </Route>
        <Route path="/decide/:token">{({ token }) => <DecidePage token={token} />}</Route>
        <Route>
          <SignedIn />
        </Route>
      </Switch>
    </PageBoundary>
  );
}

function SignedIn() {
  const me = useMe();
  const [path] = useLocation();
  if (me.error instanceof ApiProblem && me.error.status === 401) {
    rememberWayBack(path + location.search);
    return <Redirect to="/login" replace />;
  }
  if (me.data === undefined) {
    return me.error === null ? (
      <Loading />
    ) : (
      <div className="alone">
        <div className="alone-box">
          <ProblemNote error={me.error} onRetry={() => void me.refetch()} />
        </div>
      </div>
    );
  }
  if (path.startsWith('/sign-in/')) return <SignInPage secret={path.slice('/sign-in/'.length)} me={me.data} />;
  if (path.startsWith('/cli-login/')) return <CliLoginPage secret={path.slice('/cli-login/'.length)} me={me.data} />;
  return (
    <Shell me={me.data}>
      <PageBoundary key={path}>
        <Switch>
          <Route path="/">
            <HoldsPage me={me.data} />
          </Route>
          <Route path="/holds">
            <Redirect to="/" replace />
          </Route>
          <Route path="/holds/:id">{({ id }) => <HoldPage key={id} holdId={id} />}</Route>
          <Route path="/access">
            <AccessPage />
          </Route>
          <Route path="/access/:id">{({ id }) => <AccessRequestPage key={id} requestId={id} me={me.data} />}</Route>
          <Route path="/sessions">
            <SessionsPage me={me.data} />
          </Route>
          <Route path="/sessions/:id">{({ id }) => <SessionPage key={id} sessionId={id} me={me.data} />}</Route>
          <Route path="/audit">
            <AuditPage me={me.data} />
          </Route>
          <Route path="/account">
            <AccountPage me={me.data} />
          </Route>
          <Route path="/approvers">
            <ApproversPage me={me.data} />
          </Route>
          <Route path="/targets">
            <TargetsPage me={me.data} />
          </Route>
          <Route path="/agents">
            <AgentsPage me={me.data} />
          </Route>
          <Route path="/people">
            <PeoplePage me={me.data} />
          </Route>
          <Route path="/tokens">
            <TokensPage me={me.data} />
          </Route>
          <Route path="/deliveries">
            <DeliveriesPage />
          </Route>
          <Route path="/policies">
            <PoliciesPage />
          </Route>
          <Route>
            <NotFoundPage />
          </Route>
        </Switch>
      </PageBoundary>
    </Shell>
  );
}
