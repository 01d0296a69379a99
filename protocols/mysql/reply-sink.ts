// What the walk over answers is told, and what it tells: the shapes of answers, how they end, and who listens.

import type { ErrPacket, OkPacket } from './messages.ts';

/** What the command is answered with. */
export type ReplyShape =
  | 'ok' // OK, EOF or ERR
  | 'results' // result sets, OKs, a request for a local file
  | 'prepared'
  | 'columns' // COM_FIELD_LIST: column definitions up to EOF
  | 'rows' // COM_STMT_FETCH: rows up to EOF
  | 'text'; // COM_STATISTICS: one packet of words

export interface ReplyEnd {
  readonly statusFlags: number | null;
  readonly affectedRows: number | null;
  readonly error: ErrPacket | null;
  /** True when the last result set ended in EOF or OK after rows. */
  readonly endedRows: boolean;
}

export interface PreparedOk {
  readonly id: number;
  readonly columns: number;
  readonly parameters: number;
}

export interface ReplySink {
  forward(bytes: Buffer): void;
  /** An OK packet (also one that ends rows). Answers the payload to send instead, or null for as it is. */
  ok(payload: Buffer, packet: OkPacket): Buffer | null;
  prepared(packet: PreparedOk): void;
  /** An error of the target. Answers the payload to send instead, `dropped` for nothing, or null for as it is. */
  failed(error: ErrPacket): Buffer | null;
  /** There are more rows than `begin` was told to let through: nothing more of the answer is forwarded. */
  rowsMet(): void;
  /** The target asks for a file of the client's. Answers whether it may: only then the request is handed on. */
  localFile(name: string): boolean;
  /** A result set begins; false: with the columns of the last execution. */
  columns(follow: boolean): void;
  /** Packets of a result set, only while `gathersRows`. */
  column(payload: Buffer): void;
  /** Answers the row to send instead, or null for as it is. */
  row(payload: Buffer): Buffer | null;
  readonly gathersRows: boolean;
  /** No row may pass unseen, however large. */
  readonly masksRows: boolean;
  /** An error without the values that it may quote; null: as it is. */
  withoutValues(error: ErrPacket): { readonly error: ErrPacket; readonly payload: Buffer } | null;
  end(end: ReplyEnd): void;
}

export interface ReplyOptions {
  readonly deprecatesEof: boolean;
  /** The client expects no EOF behind definitions, and OK behind rows. */
  readonly clientDeprecatesEof: boolean;
  readonly tracks: boolean;
  /** The target says with the number of columns whether their definitions follow (MARIADB_CLIENT_CACHE_METADATA). */
  readonly cachesMetadata: boolean;
  /** The client expects it to be said. */
  readonly clientCachesMetadata: boolean;
  /** Definitions of columns have one string more (MARIADB_CLIENT_EXTENDED_METADATA). */
  readonly extendsMetadata: boolean;
  /** The client expects it. */
  readonly clientExtendsMetadata: boolean;
}

/** In the place of a packet that the client does not get. */
export const dropped = Buffer.alloc(0);

/** What is particular to one answer. */
export interface ReplyTerms {
  /** Packets that the gateway has put in front. */
  readonly shift: number;
  /** What the target counts the first packet: 1, or more behind a command of several packets. */
  readonly from: number;
  /** Rows that are let through; null: all. */
  readonly rowsMax: number | null;
  /** Status flags of the server that are the gateway's doing and not for the client. */
  readonly hides: number;
  /** The client asked for a cursor: only then the flag that says "there is one" ends the answer. A routine's own cursors set it, too. */
  readonly asksCursor: boolean;
}

export const plainTerms: ReplyTerms = { shift: 0, from: 1, rowsMax: null, hides: 0, asksCursor: false };
