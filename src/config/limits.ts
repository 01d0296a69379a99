// Defaults of the section `limits`, each with its reason. They are meant for one machine with a few hundred engineers.

import type { AgentsConfig, Limits } from './config.ts';

export const defaultLimits: Limits = {
  // An idle connection costs some 30 KiB and two file descriptors: this many fit a small machine (and `ulimit -n 65536`).
  connections: 20_000,
  // One office behind one address with connection pools stays far below; a single machine can't take all places.
  connectionsPerAddress: 2_000,
  // Every handshake is a few round trips; whoever needs longer holds a place without having said who he is.
  handshakeTimeoutMs: 15_000,
  // Above 1 MiB the classifier gives up anyway; the rest is room for large parameters.
  statementBytes: 16 * 1024 ** 2,
  // A pipeline that runs ahead of a waiting statement; beyond it the socket is simply not read.
  heldBytes: 1024 ** 2,
  // A dozen of the longest statements at once; who restores dumps with more connections sends shorter ones.
  readingBytes: 256 * 1024 ** 2,
  // Nobody takes all of it from the others.
  readingBytesPerPerson: 128 * 1024 ** 2,
  dialTimeoutMs: 10_000,
  // More waiting statements than people can read are an attack or a runaway script.
  holds: 1_000,
  holdsPerPerson: 20,
  // They wait in memory, up to four times: as they came, for the target, for approvers, in a relay thread and the main thread.
  holdsBytes: 128 * 1024 ** 2,
  // Room for one of the longest statements, whose bytes people are shown as twice as many hexadecimal digits.
  holdsBytesPerPerson: 32 * 1024 ** 2,
  tokenLifetimeMs: 30 * 86_400_000,
  webhookTimeoutMs: 10_000,
  webhookQueue: 10_000,
};

export const defaultAgents: AgentsConfig = {
  // Longer than a weekend with a public holiday on each side.
  credentialLifetimeMs: 7 * 86_400_000,
  // A link costs some 50 KiB and one file descriptor while nothing goes over it.
  linksMax: 20_000,
};
