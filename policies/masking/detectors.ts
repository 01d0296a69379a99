// Finds what looks like personal data inside a text. Each pattern runs in time linear to the text, and what has a check digit is
// checked, so that order numbers are left alone.

import type { Detector } from '../../src/core/masking.ts';

interface Pattern {
  readonly pattern: RegExp;
  readonly isMeant: (found: string) => boolean;
}

const always = (): boolean => true;

const patterns: Readonly<Record<Detector, Pattern>> = {
  email: { pattern: /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}](?:[\p{L}\p{N}.-]{0,253})/gu, isMeant: (found) => /@[^@]*[^.]\.[^.]/u.test(found) },
  card: { pattern: /(?<!\d)[2-6]\d{3}(?:[ -]?\d){8,15}(?!\d)/g, isMeant: (found) => isLuhn(digitsOf(found)) },
  iban: { pattern: /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])/g, isMeant: isIban },
  phone: {
    pattern: /(?<![\p{L}\p{N}.+-])(?:\+|00)[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\d)|(?<![\p{L}\p{N}.+-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?!\d)/gu,
    isMeant: always,
  },
  ssn: { pattern: /(?<!\d)(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?!\d)/g, isMeant: always },
  ip: {
    pattern: /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![\w:])/g,
    isMeant: (found) => found.includes('.') || found.split(':').length > 3,
  },
  // Only the first eyJ of a run is looked at: where that one begins no token, no later one of the run does.
  jwt: { pattern: /(?<=(?<![A-Za-z0-9_-])(?:(?!eyJ)[A-Za-z0-9_-])*)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, isMeant: always },
}; // prettier-ignore

/** The text with what is found replaced; the same text when nothing is. Null when a replacement is. */
export function replaceFound(text: string, detector: Detector, replacement: (found: string) => string | null): string | null {
  const { pattern, isMeant } = patterns[detector];
  let isNull = false;
  const replaced = text.replace(pattern, (found) => {
    if (!isMeant(found)) return found;
    const instead = replacement(found);
    if (instead === null) isNull = true;
    return instead ?? '';
  });
  return isNull ? null : replaced;
}

function digitsOf(text: string): string {
  return text.replace(/\D/g, '');
}

/** ISO/IEC 7812-1, annex B. */
function isLuhn(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    sum += i % 2 === 0 ? digit : digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}

/** ISO 13616: the country and check digits moved behind, letters as numbers, modulo 97 is 1. Words may follow it: any prefix counts. */
function isIban(found: string): boolean {
  const compact = found.replaceAll(' ', '').toUpperCase();
  for (let length = Math.min(compact.length, 34); length >= 15; length--) {
    let rest = 0;
    for (const sign of compact.slice(4, length) + compact.slice(0, 4)) {
      const value = /\d/.test(sign) ? sign : String(sign.charCodeAt(0) - 55);
      for (const digit of value) rest = (rest * 10 + Number(digit)) % 97;
    }
    if (rest === 1) return true;
  }
  return false;
}
