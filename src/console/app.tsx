// Which page stands at which address. Pages are loaded when first visited; those behind the frame need a signed-in person.

import { lazy, Suspense } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { ApiProblem } from './api.ts';
import { PageBoundary } from './parts/boundary.tsx';
import { Loading, ProblemNote } from './parts/notes.tsx';
import { Shell } from './parts/shell.tsx';
import { HoldsPage } from './pages/holds.tsx';
import { useMe } from './queries.ts';
import { rememberWayBack } from './way-back.ts';

const HoldPage = lazy(() => import('./pages/hold.tsx'));
const SessionsPage = lazy(() => import('./pages/sessions.tsx'));
const SessionPage = lazy(() => import('./pages/session.tsx'));
const AuditPage = lazy(() => import('./pages/audit.tsx'));
const AccessPage = lazy(() => import('./pages/access.tsx'));
const AccessRequestPage = lazy(() => import('./pages/access-request.tsx'));
const ApproversPage = lazy(() => import('./pages/approvers.tsx'));
const AgentsPage = lazy(() => import('./pages/agents.tsx'));
const TargetsPage = lazy(() => import('./pages/targets.tsx'));
const PeoplePage = lazy(() => import('./pages/people.tsx'));
const TokensPage = lazy(() => import('./pages/tokens.tsx'));
const DeliveriesPage = lazy(() => import('./pages/deliveries.tsx'));
const PoliciesPage = lazy(() => import('./pages/policies.tsx'));
const LoginPage = lazy(() => import('./pages/login.tsx'));
const AccountPage = lazy(() => import('./pages/account.tsx'));
const CliLoginPage = lazy(() => import('./pages/cli-login.tsx'));
const SignInPage = lazy(() => import('./pages/sign-in.tsx'));
const DecidePage = lazy(() => import('./pages/decide.tsx'));
const NotFoundPage = lazy(() => import('./pages/not-found.tsx'));

export function App() {
  return (
    <PageBoundary>
      <Suspense fallback={<Loading />}>
        <Switch>
          <Route path="/login">
            <LoginPage />
          </Route>
          <Route path="/decide/:token">{({ token }) => <DecidePage token={token} />}</Route>
          <Route>
            <SignedIn />
          </Route>
        </Switch>
      </Suspense>
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
        <Suspense fallback={<Loading />}>
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
              <SessionsPage />
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
        </Suspense>
      </PageBoundary>
    </Shell>
  );
}
