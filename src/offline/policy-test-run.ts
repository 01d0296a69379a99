// What became of tests of policies.

export interface TestFileRun {
  readonly path: string;
  /** Why the file could not be read; none of its tests ran then. */
  readonly problems: readonly string[];
  readonly tests: readonly { readonly name: string; readonly ok: boolean; readonly message: string; readonly durationMs: number }[];
}

export interface TestRun {
  readonly files: readonly TestFileRun[];
  readonly passed: number;
  /** Tests that failed, and problems of test files that could not be read. */
  readonly failed: number;
  readonly unreadable: number;
}
