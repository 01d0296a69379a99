// Capability flags of both sides, and which of them pass through. Flags that change how packets look are asked of the target as the
// client has them, so that results can be forwarded as they come; what the target lacks is made up for.

/** Standard flags (low 32 bits). */
export const flag = {
  /** CLIENT_LONG_PASSWORD; MariaDB calls it CLIENT_MYSQL and leaves it out to say that extended flags follow. */
  mysql: 0x1,
  foundRows: 0x2,
  longFlag: 0x4,
  connectWithDatabase: 0x8,
  noSchema: 0x10,
  compress: 0x20,
  odbc: 0x40,
  localFiles: 0x80,
  ignoreSpace: 0x100,
  protocol41: 0x200,
  interactive: 0x400,
  tls: 0x800,
  ignoreSigpipe: 0x1000,
  transactions: 0x2000,
  reserved: 0x4000,
  secureConnection: 0x8000,
  multiStatements: 0x10000,
  multiResults: 0x20000,
  preparedMultiResults: 0x40000,
  pluginAuth: 0x80000,
  connectAttributes: 0x100000,
  pluginAuthLenenc: 0x200000,
  expiredPasswords: 0x400000,
  sessionTrack: 0x800000,
  deprecateEof: 0x1000000,
  /** Oracle's: a client may be sent results without their definitions. */
  optionalMetadata: 0x2000000,
  zstd: 0x4000000,
  queryAttributes: 0x8000000,
} as const;

/** MariaDB's extended flags (bits 32 and up, as a number of their own). */
export const extendedFlag = {
  progress: 0x1,
  /** COM_STMT_BULK_EXECUTE. */
  bulk: 0x4,
  /** Definitions of columns have a further string: what a type means (JSON, inet6, point …). */
  extendedMetadata: 0x8,
  /** Definitions of a prepared statement's columns may be left out when the client has them. */
  cachedMetadata: 0x10,
} as const;

export interface Capabilities {
  readonly standard: number;
  readonly extended: number;
}

/**
 * What clients are offered. Compression ends at the gateway. Query attributes are of MySQL only. Left out because nobody
 * asks for it: optional result metadata.
 */
export function offered(tls: boolean, mariadb: boolean): Capabilities {
  const standard =
    flag.foundRows | flag.longFlag | flag.connectWithDatabase | flag.noSchema | flag.odbc | flag.localFiles | flag.ignoreSpace |
    flag.protocol41 | flag.interactive | flag.ignoreSigpipe | flag.transactions | flag.reserved | flag.secureConnection |
    flag.multiStatements | flag.multiResults | flag.preparedMultiResults | flag.pluginAuth | flag.connectAttributes |
    flag.pluginAuthLenenc | flag.expiredPasswords | flag.sessionTrack | flag.deprecateEof | flag.compress | flag.zstd | (tls ? flag.tls : 0) | (mariadb ? 0 : flag.mysql | flag.queryAttributes); // prettier-ignore
  const { progress, bulk, extendedMetadata, cachedMetadata } = extendedFlag;
  return { standard, extended: mariadb ? progress | bulk | extendedMetadata | cachedMetadata : 0 };
}

/** Asked of every target that has them. */
const always =
  flag.longFlag | flag.protocol41 | flag.transactions | flag.secureConnection | flag.pluginAuth | flag.pluginAuthLenenc |
  flag.connectAttributes | flag.sessionTrack; // prettier-ignore

/** Asked of the target as the client asked them of the gateway. */
const passedOn =
  flag.foundRows | flag.noSchema | flag.odbc | flag.localFiles | flag.ignoreSpace | flag.interactive | flag.multiStatements |
  flag.multiResults | flag.preparedMultiResults | flag.expiredPasswords | flag.deprecateEof | flag.queryAttributes; // prettier-ignore

/** A target without it speaks another protocol. DEPRECATE_EOF is made up for: replies.ts. */
const mustMatch = flag.protocol41;

export interface Negotiated {
  readonly capabilities: Capabilities;
  /** Words for what the target lacks, or null. */
  readonly missing: string | null;
}

/** What the gateway asks of a target for this client. */
export function askedOfTarget(client: Capabilities, target: Capabilities, withDatabase: boolean): Negotiated {
  const wanted = always | (client.standard & passedOn) | flag.multiResults | (withDatabase ? flag.connectWithDatabase : 0);
  const missing = wanted & mustMatch & ~target.standard;
  const mariadb = (target.standard & flag.mysql) === 0;
  return {
    capabilities: {
      standard: (wanted & target.standard) | flag.protocol41 | (mariadb ? 0 : flag.mysql),
      extended: mariadb ? client.extended & target.extended : 0,
    },
    missing: missing === 0 ? null : 'a server older than MySQL 4.1',
  };
}

export function has(capabilities: Capabilities, wanted: number): boolean {
  return (capabilities.standard & wanted) !== 0;
}
