// The part of the contract about people and machines: signing in, accounts, second factors, tokens of jobs. Read through contract.ts.

/** What `navigator.credentials.get()` answered, as JSON (W3C Web Authentication, AuthenticationResponseJSON). */
export type PasskeyAnswer = Readonly<Record<string, unknown>>;

/** A sign-in that plain psql waits for and that a person confirms in the console. */
export interface PendingSignInView {
  readonly code: string;
  readonly name: string;
  readonly target: string;
  readonly protocol: string;
  readonly client_address: string;
  readonly expires_at: string;
}

/** POST /sign-ins/{secret}/confirm. A code that is sent must be the right one. */
export interface ConfirmSignInBody {
  readonly code?: string | undefined;
}

/** POST /login: the secret of a login link, or an access token. Answers Me and sets the session cookie. */
export type LoginBody = { readonly secret: string } | { readonly token: string };

/** GET /sign-in-methods, without signing in: what the sign-in page offers. */
export interface SignInMethods {
  readonly passwords: boolean;
  readonly oidc: readonly { readonly name: string; readonly display_name: string }[];
}

/** POST /login/password. Answers Me and sets the session cookie; code "code-needed" asks for the app's code with the same again. */
export interface PasswordLoginBody {
  readonly name: string;
  readonly password: string;
  readonly totp?: string | undefined;
}

/** What a browser's `navigator.credentials` takes, as JSON: the publicKey part of its options. */
export type PasskeyOptions = Readonly<Record<string, unknown>>;

/** POST /login/passkey. */
export interface PasskeyLoginBody {
  readonly answer: PasskeyAnswer;
}

/** POST /cli-logins, without signing in: `sallyport login` begins. */
export interface CliLoginBody {
  readonly machine: string;
}

export interface CliLoginBegun {
  /** For the command line alone. */
  readonly poll_secret: string;
  /** For the person's browser. */
  readonly url: string;
  readonly code: string;
  readonly expires_at: string;
}

/** POST /cli-logins/poll. */
export interface CliLoginPollBody {
  readonly poll_secret: string;
  readonly machine: string;
}

export type CliLoginPolled =
  | { readonly state: 'waiting' | 'refused' | 'gone' }
  | { readonly state: 'confirmed'; readonly token: string; readonly person: string; readonly expires_at: string };

/** GET /cli-logins/{secret}: a command line that waits to be signed in as whoever confirms. */
export interface CliLoginView {
  readonly code: string;
  readonly client_address: string;
  readonly machine: string;
  readonly expires_at: string;
}

/** GET /account: how I prove who I am. */
export interface AccountView {
  readonly passkeys: readonly {
    readonly id: string;
    readonly name: string;
    readonly host: string;
    readonly created_at: string;
    readonly last_used_at: string | null;
  }[];
  readonly totp: boolean;
  readonly totp_locked: boolean;
  readonly has_password: boolean;
  /** Whether passwords sign in here at all. */
  readonly passwords: boolean;
  readonly second_factor_at: string | null;
}

/** POST /account/prove: shows a second factor; changing factors asks for it, and policies may. */
export interface ProveBody {
  readonly totp?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
}

/** POST /account/passkeys. */
export interface PasskeyBody {
  readonly name: string;
  readonly answer: PasskeyAnswer;
}

/** POST /account/totp: shown once, and in force when POST /account/totp/confirm has brought the app's first code. */
export interface TotpSetup {
  readonly secret: string;
  readonly url: string;
}

export interface TotpConfirmBody {
  readonly code: string;
}

/** POST /account/password. */
export interface ChangePasswordBody {
  readonly old: string;
  readonly password: string;
}

/** POST /people (right: operate): adds somebody, or changes somebody added so. */
export interface PersonBody {
  readonly name: string;
  readonly display_name?: string | undefined;
  readonly groups: readonly string[];
}

/** POST /people/{name}/password (right: operate). */
export interface SetPasswordBody {
  readonly password: string;
}

/** POST /token-exchange (RFC 8693), as JSON or as a form, without signing in. */
export interface TokenExchangeBody {
  readonly grant_type: string;
  readonly subject_token: string;
  readonly subject_token_type: string;
}

export interface TokenExchanged {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  /** Not of RFC 8693: who the token is, and its id. */
  readonly person: string;
  readonly token_id: string;
}

/** POST /login-links (right: operate). */
export interface LoginLinkBody {
  readonly person: string;
  readonly ttl_ms?: number | undefined;
}

export interface LoginLinkIssued {
  /** Shown once; signs in once. */
  readonly url: string;
  readonly person: string;
  readonly expires_at: string;
}

/** GET /people (right: operate or audit). */
export interface PersonView {
  readonly name: string;
  readonly display_name: string;
  readonly kind: 'person' | 'machine' | 'ai-agent';
  readonly groups: readonly string[];
  readonly disabled: boolean;
}
