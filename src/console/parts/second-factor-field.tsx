// What an approver is asked for where a rule wants a second factor: a code is typed here, a passkey signs when the answer is sent.

import { TextInput } from '@mantine/core';
import { Link } from 'wouter';

interface Props {
  /** None: no field. */
  readonly factor: 'totp' | 'passkey' | undefined;
  /** What is signed: "request", "action". */
  readonly what: string;
  readonly code: string;
  readonly onCode: (code: string) => void;
}

export function SecondFactorField({ factor, what, code, onCode }: Props) {
  if (factor === undefined) return null;
  if (factor === 'passkey') {
    return (
      <p className="dim">
        This rule asks for a passkey: it signs exactly this {what}. Register one on your <Link href="/account">account page</Link>.
      </p>
    );
  }
  return (
    <TextInput
      label="Code of your authenticator app"
      description="Leave it empty to use a passkey."
      inputMode="numeric"
      autoComplete="one-time-code"
      maxLength={20}
      value={code}
      onChange={(event) => onCode(event.currentTarget.value)}
    />
  );
}
