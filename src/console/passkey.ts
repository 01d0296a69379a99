// Asks the browser for a passkey: to register one, or to sign a challenge of the gateway.

import { startAuthentication, startRegistration, WebAuthnError } from '@simplewebauthn/browser';
import type { PasskeyAnswer, PasskeyOptions } from '../api/contract.ts';

type Registration = Parameters<typeof startRegistration>[0]['optionsJSON'];
type Authentication = Parameters<typeof startAuthentication>[0]['optionsJSON'];

export const hasPasskeys = typeof window !== 'undefined' && window.PublicKeyCredential !== undefined;

/** A new passkey for these options. Rejects with an Error whose words can be shown. */
export async function newPasskey(options: PasskeyOptions): Promise<PasskeyAnswer> {
  return inWords(startRegistration({ optionsJSON: options as unknown as Registration }));
}

/** The signature of a passkey under the challenge of these options. Rejects with an Error whose words can be shown. */
export async function signWithPasskey(options: PasskeyOptions): Promise<PasskeyAnswer> {
  return inWords(startAuthentication({ optionsJSON: options as unknown as Authentication }));
}

async function inWords(asked: Promise<unknown>): Promise<PasskeyAnswer> {
  try {
    return (await asked) as PasskeyAnswer;
  } catch (thrown) {
    if (thrown instanceof WebAuthnError && thrown.code === 'ERROR_AUTHENTICATOR_PREVIOUSLY_REGISTERED') {
      throw new Error('That device has a passkey for this account already.');
    }
    if (thrown instanceof Error && thrown.name === 'NotAllowedError')
      throw new Error('No passkey was used: it was cancelled, or there is none for this page.');
    throw new Error(`The passkey could not be used: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
