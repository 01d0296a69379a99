// The HTTP API as a program uses it: JSON in and out, a bearer token.

import type { HoldView, Page } from '../../src/api/contract.ts';
import { eventually } from './eventually.ts';

export interface ApiAnswer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface ApiClient {
  /** `path` is below /api/v1: "/holds?state=pending". */
  get<T>(path: string): Promise<ApiAnswer<T>>;
  post<T>(path: string, body?: object): Promise<ApiAnswer<T>>;
  /** Waits until a pending hold with this text (or any) is there. */
  pendingHold(text?: string | RegExp): Promise<HoldView>;
}

export function api(http: string, token: string): ApiClient {
  const ask = async <T>(method: string, path: string, body: object | undefined): Promise<ApiAnswer<T>> => {
    const response = await fetch(`${http}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? null : JSON.parse(text)) as T, headers: response.headers };
  };
  const get = <T>(path: string) => ask<T>('GET', path, undefined);
  return {
    get,
    post: (path, body = {}) => ask('POST', path, body),
    pendingHold: (text) =>
      eventually(`a hold is pending${text === undefined ? '' : `: ${String(text)}`}`, async () => {
        const { body } = await get<Page<HoldView>>('/holds?state=pending');
        return body.items.find((hold) => text === undefined || (text instanceof RegExp ? text.test(hold.text) : hold.text === text));
      }),
  };
}
