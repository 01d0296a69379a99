// Rows of the result under way, where policy wants them looked at: the columns they are read by, the masks they go through, and
// their text where they are recorded.

import type { Masking } from '../../src/core/masking.ts';
import { ResultMasks } from './masking.ts';
import { readColumn, type ColumnDefinition } from './column-definition.ts';
import { binaryCells, recordedRowsMax, textCells } from './rows.ts';
import type { WireStatement } from './statements.ts';

export class ResultRows {
  #columns: ColumnDefinition[] = [];
  #rows: (string | null)[][] = [];
  #masking: Masking | null = null;
  /** Made at the first row, when all columns are known. */
  #masks: ResultMasks | null = null;

  /** An action begins: nothing is kept of the one before. */
  begin(masking: Masking | null): void {
    this.#columns = [];
    this.#rows = [];
    this.#masking = masking;
    this.#masks = null;
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
    this.#masks = null;
    if (!follow) this.#columns = statement?.columns ?? [];
    else if (statement !== null) statement.columns = this.#columns;
  }

  column(payload: Buffer): void {
    this.#columns.push(readColumn(payload));
  }

  /** Gives the row as the client may see it, null: as it is. What is recorded is what the client sees. */
  row(payload: Buffer, isBinary: boolean, isRecorded: boolean): Buffer | null {
    if (this.#masking !== null) this.#masks ??= new ResultMasks(this.#masking, this.#columns);
    const shown = this.#masks === null ? payload : this.#masks.row(payload, isBinary);
    if (isRecorded && !this.isFull) this.#rows.push(isBinary ? binaryCells(shown, this.#columns) : textCells(shown, this.#columns.length));
    return shown === payload ? null : shown;
  }
}
