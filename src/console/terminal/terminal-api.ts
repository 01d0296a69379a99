// Recorded terminals, as the API gives them. Ranges are bytes, so they don't go through the JSON client.

import { apiBase } from '../../api/contract.ts';
import type { Page, TerminalIndexView, TerminalSearchView, TerminalView } from '../../api/contract.ts';
import { ApiProblem, query, request } from '../api.ts';

const pathOf = (sessionId: string, terminal: number): string => `/sessions/${encodeURIComponent(sessionId)}/terminals/${terminal}`;

export const terminalApi = {
  list: (sessionId: string, signal?: AbortSignal) =>
    request<Page<TerminalView>>('GET', `/sessions/${encodeURIComponent(sessionId)}/terminals`, undefined, signal),
  index: (sessionId: string, terminal: number, signal?: AbortSignal) =>
    request<TerminalIndexView>('GET', `${pathOf(sessionId, terminal)}/index`, undefined, signal),
  search: (sessionId: string, terminal: number, q: string, signal?: AbortSignal) =>
    request<TerminalSearchView>('GET', `${pathOf(sessionId, terminal)}/search${query({ q })}`, undefined, signal),

  /** Bytes from `from` up to, not including, `to`. */
  range: async (sessionId: string, terminal: number, from: number, to: number, signal: AbortSignal): Promise<Uint8Array> => {
    const response = await fetch(apiBase + pathOf(sessionId, terminal), {
      credentials: 'same-origin',
      headers: { range: `bytes=${from}-${to - 1}` },
      signal,
    });
    if (response.status !== 206) throw new ApiProblem(response.status, null, 'This part of the recording could not be loaded.');
    return new Uint8Array(await response.arrayBuffer());
  },

  /** What is written from `from` on, as it is written. */
  follow: (sessionId: string, terminal: number, from: number): WebSocket => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const socket = new WebSocket(`${scheme}://${location.host}${apiBase}${pathOf(sessionId, terminal)}/live?from=${from}`);
    socket.binaryType = 'arraybuffer';
    return socket;
  },

  download: (sessionId: string, terminal: number): string => apiBase + pathOf(sessionId, terminal),
};
