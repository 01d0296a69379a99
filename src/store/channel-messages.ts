// Where in a chat a matter stands, so that its message can be changed when somebody has answered, and a session's thread found.

import type { Db, Migration } from './database.ts';

export const channelMessageMigrations: readonly Migration[] = [
  {
    id: 'channel-messages-1',
    sql: `CREATE TABLE channel_messages (
            channel TEXT NOT NULL,
            matter TEXT NOT NULL,
            place TEXT NOT NULL,
            message TEXT NOT NULL,
            thread TEXT,
            shown TEXT NOT NULL,
            posted_at_ms INTEGER NOT NULL,
            PRIMARY KEY (channel, matter)
          ) STRICT, WITHOUT ROWID;
          CREATE INDEX channel_messages_thread ON channel_messages (channel, thread, posted_at_ms)`,
  },
];

export interface ChannelMessage {
  /** Where it was posted: the chat's own id of a channel. */
  readonly place: string;
  /** The chat's own id of the message. */
  readonly message: string;
  /** What it belongs together with: a session. */
  readonly thread: string | null;
  /** Hash of what it shows. */
  readonly shown: string;
  readonly postedAtMs: number;
}

/** Holds live for a week at most; what is older is not changed any more. */
const keptMs = 30 * 86_400_000;

export class ChannelMessageStore {
  readonly #db: Db;

  constructor(db: Db) {
    this.#db = db;
  }

  get(channel: string, matter: string): ChannelMessage | undefined {
    return this.#db
      .prepare<[string, string], ChannelMessage>(
        'SELECT place, message, thread, shown, posted_at_ms AS postedAtMs FROM channel_messages WHERE channel = ? AND matter = ?',
      )
      .get(channel, matter);
  }

  /** The first message of a thread. */
  first(channel: string, thread: string): ChannelMessage | undefined {
    return this.#db
      .prepare<[string, string], ChannelMessage>(
        `SELECT place, message, thread, shown, posted_at_ms AS postedAtMs FROM channel_messages
         WHERE channel = ? AND thread = ? ORDER BY posted_at_ms LIMIT 1`,
      )
      .get(channel, thread);
  }

  put(channel: string, matter: string, message: ChannelMessage): void {
    this.#db
      .prepare('INSERT OR REPLACE INTO channel_messages VALUES (@channel, @matter, @place, @message, @thread, @shown, @postedAtMs)')
      .run({ channel, matter, ...message });
    this.#db.prepare('DELETE FROM channel_messages WHERE posted_at_ms < ?').run(message.postedAtMs - keptMs);
  }
}
