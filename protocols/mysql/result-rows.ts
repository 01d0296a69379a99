// Rows of the result under way, where policy wants results recorded: the columns they are read by, and their text.

import { binaryCells, readColumn, recordedRowsMax, textCells, type ColumnType } from './rows.ts';
import type { WireStatement } from './statements.ts';

export class ResultRows {
  #columns: ColumnType[] = [];
  #rows: (string | null)[][] = [];

  /** An action begins: nothing is kept of the one before. */
  begin(): void {
    this.#columns = [];
    this.#rows = [];
  }

  get isFull(): boolean {
    return this.#rows.length >= recordedRowsMax;
  }

  get rows(): (string | null)[][] {
    return this.#rows;
  }

  /** A result begins; `follow` false: its columns are those that the statement was prepared or executed with before. */
  columns(follow: boolean, statement: WireStatement | null): void {
    this.#columns = [];
    if (!follow) this.#columns = statement?.columns ?? [];
    else if (statement !== null) statement.columns = this.#columns;
  }

  column(payload: Buffer): void {
    this.#columns.push(readColumn(payload));
  }

  row(payload: Buffer, isBinary: boolean): void {
    this.#rows.push(isBinary ? binaryCells(payload, this.#columns) : textCells(payload, this.#columns.length));
  }
}
